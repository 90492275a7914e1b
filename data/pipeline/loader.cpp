#include "data/pipeline/loader.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "data/pipeline/batch_queue.h"
#include "data/pipeline/mix.h"
#include "data/pipeline/ordered.h"
#include "engine/patience.h"
#include "kernels/error.h"
#include "kernels/fork.h"

namespace keel {
namespace {

/// One sample on its way through the pipeline; its memory is used again.
struct Item {
    std::int64_t position = 0;  ///< in the order of the epoch
    std::int64_t index = 0;     ///< into samples(split)
    std::uint32_t repeats = 0;  ///< how often the epoch had it before
    AlignedFloats pixels;
    std::optional<std::string> bad;  ///< why it could not be loaded
    std::exception_ptr unread;       ///< or that the storage did not answer, which is not its fault
};

constexpr std::int64_t kAnnounced = 64;  // samples ahead

std::size_t output_floats(const TransformOptions& o) {
    const auto side = static_cast<std::size_t>(o.image_size);
    return side * side * static_cast<std::size_t>(o.channels);
}

}  // namespace

// Three stages: a source that counts positions, parallel decoding, and a collector that sees the samples in the order
// of the epoch, so that everything observable is decided there and no number of workers can change it.
class Loader::Pipeline {
public:
    Pipeline(const Dataset& dataset, LoaderOptions options)
        : dataset_(dataset),
          options_(std::move(options)),
          size_(dataset.size(options_.split)),
          plan_(plan_epoch(options_, size_)),
          bad_allowed_(bad_images_allowed(options_.max_bad, size_)),
          sample_floats_(output_floats(options_.transform)),
          soft_(std::ranges::any_of(dataset.samples(options_.split), [](const Sample& s) { return !s.soft.empty(); })),
          weighted_(
              std::ranges::any_of(dataset.samples(options_.split), [](const Sample& s) { return s.weight != 1; })),
          items_(ordered_slots(options_.workers)),
          position_(plan_.begin),
          queue_(options_.prefetch) {
        thread_ = std::thread([this] { run(); });
    }

    ~Pipeline() {
        cancel_ = true;
        queue_.close();
        thread_.join();
    }

    /// Whether the threads that fill it are there: fork() leaves them to the parent.
    bool has_threads() const { return generation_ == fork_generation(); }

    bool next(Batch& batch) {
        if (!has_threads())
            throw UsageError("[loader] it was made before a fork(), whose child has none of its threads: make another");
        const auto delivery = queue_.take(
            batch, [this] { return options_.stop_waiting && is_waiting(patience_) && options_.stop_waiting(); });
        if (!delivery) throw StorageError("[loader] stopped while the storage did not answer");
        for (const BadImage& bad : delivery->bad) {
            ++bad_reported_;
            if (options_.on_bad_image) options_.on_bad_image(bad);
        }
        if (delivery->error) std::rethrow_exception(delivery->error);
        return !delivery->end;
    }

    std::int64_t bad_images() const { return bad_reported_; }
    std::int64_t batch_count() const { return plan_.batches; }

private:
    void run() {
        std::exception_ptr error;
        const PatienceScope scope(patience_, &cancel_);
        try {
            begin_batch();
            run_ordered(items_.size(), options_.workers, cancel_,
                        {.draw = [this](std::size_t slot) { return draw(items_[slot]); },
                         .work = [this](std::size_t slot) { load(items_[slot]); },
                         .take = [this](std::size_t slot) { collect(items_[slot]); }});
            while (batches_planned() && !cancel_) publish_and_begin();
            if (!plan_.sharded && filling_.batch.n > 0 && !options_.drop_last && !cancel_) publish();
        } catch (...) {
            error = std::current_exception();
        }
        finish(error);
    }

    bool draw(Item& item) {
        if (position_ == plan_.end) return false;
        item.position = position_;
        item.index = plan_.order[static_cast<std::size_t>(position_++)];
        item.repeats = plan_.repeats.empty() ? 0 : plan_.repeats[static_cast<std::size_t>(item.position)];
        item.bad.reset();
        item.unread = nullptr;
        announce();
        return true;
    }

    /// Tells the source what is read next but some, so that a storage that answers late has work ahead.
    void announce() {
        const std::int64_t until = std::min(position_ + kAnnounced, plan_.end);
        for (announced_ = std::max(announced_, position_); announced_ < until; ++announced_)
            dataset_.will_load(options_.split, plan_.order[static_cast<std::size_t>(announced_)]);
    }

    void load(Item& item) const {
        try {
            const Augmentation augmentation = draw_augmentation(options_.transform, options_.seed, options_.epoch,
                                                                draw_name(item.index, item.repeats));
            const Image image = dataset_.load(options_.split, item.index, least_size(options_.transform, augmentation));
            item.pixels.resize(sample_floats_);
            transform_image(image, options_.transform, augmentation, item.pixels.data());
        } catch (const StorageError&) {
            item.unread = std::current_exception();
        } catch (const Error& error) {
            item.bad = error.what();
        }
    }

    void collect(Item& item) {
        if (item.unread) {
            unread_ = item.unread;
            cancel_ = true;
            return;
        }
        add(item);
        if (batches_planned() && !failed_ && item.position + 1 == plan_.batch_end(published_)) publish_and_begin();
    }

    void add(Item& item) {
        const Sample& sample = dataset_.samples(options_.split)[static_cast<std::size_t>(item.index)];
        if (!plan_.sharded) filling_.batch.next_sample = item.position + 1;
        if (item.bad && item.repeats > 0) return;  // told when it came first
        if (item.bad) {
            filling_.bad.push_back({item.index, sample.name, std::move(*item.bad)});
            ++bad_found_;
            if (bad_found_ > bad_allowed_) failed_ = cancel_ = true;
            return;
        }
        append(sample, item);
        if (!plan_.sharded && filling_.batch.n == options_.batch_size) publish_and_begin();
    }

    void append(const Sample& sample, const Item& item) {
        Batch& batch = filling_.batch;
        const auto at = static_cast<std::size_t>(batch.n++);
        batch.images.resize((at + 1) * sample_floats_);
        std::ranges::copy(item.pixels, batch.images.begin() + static_cast<std::ptrdiff_t>(at * sample_floats_));
        batch.indices.push_back(item.index);
        if (!plan_.repeats.empty())
            batch.draws.push_back(static_cast<std::int64_t>(draw_name(item.index, item.repeats)));
        batch.names.push_back(sample.name);
        if (options_.shard.parts > 0) batch.parts.push_back(plan_.shard.parts[static_cast<std::size_t>(item.position)]);
        if (weighted_) batch.weights.push_back(sample.weight);
        if (dataset_.task() == Task::classes)
            batch.labels.push_back(sample.label);
        else
            append_targets(sample, batch);
    }

    void append_targets(const Sample& sample, Batch& batch) const {
        for (std::size_t i = 0; i < dataset_.label_names().size(); ++i) {
            const float target = !sample.is_known(i) ? kUnknownTarget : sample.is_present(i) ? 1.0F : 0.0F;
            batch.targets.push_back(target);
            const bool soft = !sample.soft.empty() && sample.soft[i] != kNoSoftTarget;
            if (soft_) batch.soft_targets.push_back(soft ? sample.soft[i] : target);
        }
    }

    /// Whether the plan has batches that are not yet published.
    bool batches_planned() const { return plan_.sharded && published_ < plan_.batches; }

    void begin_batch() {
        Batch batch = queue_.open();
        batch.n = 0;
        batch.image_size = options_.transform.image_size;
        batch.channels = options_.transform.channels;
        batch.images.clear();
        batch.images.reserve(static_cast<std::size_t>(std::min(options_.batch_size, size_)) * sample_floats_);
        batch.labels.clear();
        batch.targets.clear();
        batch.soft_targets.clear();
        batch.weights.clear();
        batch.indices.clear();
        batch.draws.clear();
        batch.names.clear();
        batch.parts.clear();
        filling_.batch = std::move(batch);
        filling_.bad.clear();
    }

    void publish() {
        Batch& batch = filling_.batch;
        batch.planned = batch.n;
        mix_batch(batch, options_.mix, std::ssize(dataset_.label_names()), options_.seed, options_.epoch);
        if (batches_planned()) {
            const Shard::Batch& plan = plan_.shard.batches[static_cast<std::size_t>(published_++)];
            batch.planned = plan.planned;
            batch.next_sample = plan.next_sample;
        }
        queue_.put(std::exchange(filling_, {}));
    }

    void publish_and_begin() {
        publish();
        begin_batch();
    }

    /// Puts the end after the last batch.
    void finish(std::exception_ptr error) {
        if (unread_ && !error) error = unread_;
        if (failed_ && !error) {
            const BadImage& last = filling_.bad.back();
            error = std::make_exception_ptr(InputError(fmt::format(
                "[loader] {} of {} {} images are bad, at most {} ({:g} %) are allowed; the last one: {}", bad_found_,
                size_, split_name(options_.split), bad_allowed_, 100.0 * options_.max_bad, last.reason)));
        }
        filling_.batch = {};
        filling_.end = true;
        filling_.error = error;
        queue_.put(std::move(filling_));
    }

    const Dataset& dataset_;
    const LoaderOptions options_;
    const std::int64_t size_;
    const EpochPlan plan_;
    const std::int64_t bad_allowed_;
    const std::size_t sample_floats_;
    const std::shared_ptr<SharedPatience> patience_ = current_patience();  // of the thread that made the loader
    const bool soft_, weighted_;  // whether any sample of the split has soft targets, or a weight that is not 1
    std::vector<Item> items_;     // the samples under way

    std::int64_t position_;       // of the source stage
    std::int64_t announced_ = 0;  // of the source stage
    Delivery filling_;            // of the collector stage, as are those below
    std::int64_t published_ = 0;  // batches
    std::int64_t bad_found_ = 0;
    bool failed_ = false;
    std::exception_ptr unread_;  // why the epoch ends here

    std::int64_t bad_reported_ = 0;  // of next()'s thread

    BatchQueue queue_;
    std::atomic<bool> cancel_{false};
    const int generation_ = fork_generation();
    std::thread thread_;
};

Loader::Loader(const Dataset& dataset, LoaderOptions options)
    : pipeline_(std::make_unique<Pipeline>(dataset, std::move(options))) {}
Loader::~Loader() {
    // What the parent's threads waited for when it forked cannot be destroyed here.
    if (!pipeline_->has_threads()) static_cast<void>(pipeline_.release());
}
bool Loader::next(Batch& batch) { return pipeline_->next(batch); }
std::int64_t Loader::bad_images() const { return pipeline_->bad_images(); }
std::int64_t Loader::batch_count() const { return pipeline_->batch_count(); }

}  // namespace keel
