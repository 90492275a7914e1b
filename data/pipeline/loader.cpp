#include "data/pipeline/loader.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include <fmt/core.h>
#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include "data/pipeline/tsan_fence.h"
#include "data/pipeline/sampler.h"
#include "kernels/error.h"
#include "kernels/topology.h"

namespace keel {
namespace {

/// One sample on its way through the pipeline; its memory is used again.
struct Item {
    std::int64_t position = 0;  ///< in the order of the epoch
    std::int64_t index = 0;     ///< into samples(split)
    AlignedFloats pixels;
    std::optional<std::string> bad;  ///< why it could not be loaded
    Baton baton;
};

/// What next() hands out: a batch, the bad pictures found on the way to it, and the end's reason behind the last batch.
struct Delivery {
    Batch batch;
    std::vector<BadImage> bad;
    bool end = false;
    std::exception_ptr error;
};

constexpr int kMaxWorkers = 1024;
constexpr std::int64_t kAnnounced = 64;  // samples ahead

void check_options(const LoaderOptions& o, std::int64_t size) {
    check_transform(o.transform);
    require<UsageError>(o.batch_size >= 1, "[loader] batch size must be positive");
    require<UsageError>(o.start_sample >= 0 && o.start_sample <= size, "[loader] start_sample lies outside the epoch");
    require<UsageError>(o.end_sample < 0 || (o.end_sample >= o.start_sample && o.end_sample <= size),
                        "[loader] end_sample lies outside the epoch");
    require<UsageError>(o.shard.ranks >= 1 && o.shard.rank >= 0 && o.shard.rank < o.shard.ranks, "[loader] there is no such rank");
    require<UsageError>(o.shard.parts >= 0 && o.shard.parts % o.shard.ranks == 0 && !(o.shard.parts > 0 && o.shard.independent),
                        "[loader] wanted a number of parts that the ranks divide, of one permutation");
    require<UsageError>(o.workers >= 1 && o.workers <= kMaxWorkers, "[loader] workers must be within [1, 1024]");
    require<UsageError>(o.prefetch >= 1, "[loader] prefetch must be at least one batch");
    require<UsageError>(o.max_bad >= 0.0 && o.max_bad <= 1.0, "[loader] max_bad must be within [0, 1]");
}

}  // namespace

// Three stages: a serial source that counts positions, parallel decoding, and a serial collector that sees the samples in
// the order of the epoch, so that everything observable is decided there and no number of workers can change it.
class Loader::Pipeline {
public:
    Pipeline(const Dataset& dataset, LoaderOptions options)
        : dataset_(dataset),
          options_(std::move(options)),
          size_(dataset.size(options_.split)),
          bad_allowed_(bad_images_allowed(options_.max_bad, size_)),
          items_(static_cast<std::size_t>(2 * std::clamp(options_.workers, 1, kMaxWorkers))) {
        check_options(options_, size_);
        if (options_.shuffle) {
            order_ = permutation(options_.seed, options_.epoch, size_);
        } else {
            order_.resize(static_cast<std::size_t>(size_));
            std::iota(order_.begin(), order_.end(), std::int64_t{0});
        }
        if (options_.shard.independent)
            order_ = permutation(options_.seed + 0x9e3779b97f4a7c15U * static_cast<std::uint64_t>(options_.shard.rank),
                                 options_.epoch, size_);
        if (sharded()) {
            shard_ = plan_shard(options_.shard, size_, options_.batch_size, options_.start_sample);
            std::vector<std::int64_t> own;
            for (const std::int64_t position : shard_.positions) own.push_back(order_[static_cast<std::size_t>(position)]);
            order_ = std::move(own);
        } else {
            position_ = options_.start_sample;
        }
        end_ = options_.end_sample >= 0 ? options_.end_sample : std::ssize(order_);
        sample_floats_ = static_cast<std::size_t>(options_.transform.image_size) *
                         static_cast<std::size_t>(options_.transform.image_size) *
                         static_cast<std::size_t>(options_.transform.channels);
        thread_ = std::thread([this] { run(); });
    }

    ~Pipeline() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        room_.notify_all();
        thread_.join();
    }

    bool next(Batch& batch) {
        Delivery delivery;
        {
            std::unique_lock lock(mutex_);
            ready_changed_.wait(lock, [&] { return !ready_.empty(); });
            if (ready_.front().end) {  // stays, so that a further call answers the same
                delivery.end = true;
                delivery.error = ready_.front().error;
                std::swap(delivery.bad, ready_.front().bad);
            } else {
                delivery = std::move(ready_.front());
                ready_.pop_front();
                std::swap(batch, delivery.batch);
                spare_.push_back(std::move(delivery.batch));
            }
        }
        room_.notify_all();
        for (const BadImage& bad : delivery.bad) {
            ++bad_reported_;
            if (options_.on_bad_image) options_.on_bad_image(bad);
        }
        if (delivery.error) std::rethrow_exception(delivery.error);
        return !delivery.end;
    }

    std::int64_t bad_images() const { return bad_reported_; }

    std::int64_t batch_count() const {
        if (sharded()) return std::ssize(shard_.batches);
        const std::int64_t left = end_ - options_.start_sample, batch = options_.batch_size;
        return options_.drop_last ? left / batch : (left + batch - 1) / batch;
    }

private:
    void run() {
        // Without the control TBB never starts more threads than the machine has cores, whatever the arena's size.
        const auto workers = static_cast<std::size_t>(options_.workers);
        use_process_cpus();
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                        std::max<std::size_t>(workers, std::thread::hardware_concurrency()));
        std::exception_ptr error;
        try {
            begin_batch();
            collector_.pass();
            tbb::task_arena arena(options_.workers);
            arena.execute([&] {
                using tbb::filter_mode;
                tbb::parallel_pipeline(
                    items_.size(),
                    tbb::make_filter<void, Item*>(filter_mode::serial_in_order,
                                                  [this](tbb::flow_control& flow) { return draw(flow); }) &
                        tbb::make_filter<Item*, Item*>(filter_mode::parallel, [this](Item* item) { return decode(item); }) &
                        tbb::make_filter<Item*, void>(filter_mode::serial_in_order, [this](Item* item) { collect(item); }));
            });
            source_.take();
            collector_.take();
            while (sharded() && published_ < std::ssize(shard_.batches) && !failed_ && !stop_) publish_and_begin();
            if (!sharded() && filling_.batch.n > 0 && !options_.drop_last && !failed_) publish();
        } catch (...) {
            error = std::current_exception();
        }
        finish(error);
    }

    /// Items are drawn and collected in order and at most items_.size() are under way, so the one drawn is free.
    Item* draw(tbb::flow_control& flow) {
        source_.take();
        if (stop_ || failed_ || position_ == end_) {
            flow.stop();
            source_.pass();
            return nullptr;
        }
        Item& item = items_[static_cast<std::size_t>(position_) % items_.size()];
        item.baton.take();
        item.position = position_;
        item.index = order_[static_cast<std::size_t>(position_++)];
        announce();
        item.bad.reset();
        item.baton.pass();
        source_.pass();
        return &item;
    }

    /// Tells the source what is read next but some, so that a storage that answers late has work ahead.
    void announce() {
        const std::int64_t until = std::min(position_ + kAnnounced, end_);
        for (announced_ = std::max(announced_, position_); announced_ < until; ++announced_)
            dataset_.will_load(options_.split, order_[static_cast<std::size_t>(announced_)]);
    }

    Item* decode(Item* item) const {
        item->baton.take();
        if (!stop_ && !failed_) load(*item);
        item->baton.pass();
        return item;
    }

    void load(Item& item) const {
        try {
            const auto index = static_cast<std::uint64_t>(item.index);
            const Augmentation augmentation = draw_augmentation(options_.transform, options_.seed, options_.epoch, index);
            const Image image = dataset_.load(options_.split, item.index, least_size(options_.transform, augmentation));
            item.pixels.resize(sample_floats_);
            transform_image(image, options_.transform, augmentation, item.pixels.data());
        } catch (const Error& error) {
            item.bad = error.what();
        }
    }

    void collect(Item* item) {
        collector_.take();
        item->baton.take();
        if (!stop_ && !failed_) {
            add(*item);
            if (sharded() && !failed_ && item->position + 1 == batch_end()) publish_and_begin();
        }
        item->baton.pass();
        collector_.pass();
    }

    void add(Item& item) {
        const Sample& sample = dataset_.samples(options_.split)[static_cast<std::size_t>(item.index)];
        if (!sharded()) filling_.batch.next_sample = item.position + 1;
        if (item.bad) {
            filling_.bad.push_back({item.index, sample.name, std::move(*item.bad)});
            ++bad_found_;
            if (bad_found_ > bad_allowed_) failed_ = true;
            return;
        }
        append(sample, item);
        if (!sharded() && filling_.batch.n == options_.batch_size) publish_and_begin();
    }

    bool sharded() const { return options_.shard.ranks > 1 || options_.shard.parts > 0; }
    std::int64_t batch_end() const {
        const Shard::Batch& batch = shard_.batches[static_cast<std::size_t>(published_)];
        return batch.begin + batch.size;
    }

    void publish_and_begin() {
        publish();
        begin_batch();
    }

    void append(const Sample& sample, const Item& item) {
        Batch& batch = filling_.batch;
        const auto at = static_cast<std::size_t>(batch.n++);
        batch.images.resize((at + 1) * sample_floats_);
        std::ranges::copy(item.pixels, batch.images.begin() + static_cast<std::ptrdiff_t>(at * sample_floats_));
        batch.indices.push_back(item.index);
        batch.names.push_back(sample.name);
        if (options_.shard.parts > 0) batch.parts.push_back(shard_.parts[static_cast<std::size_t>(item.position)]);
        if (dataset_.task() == Task::classes) {
            batch.labels.push_back(sample.label);
        } else {
            for (std::size_t i = 0; i < dataset_.label_names().size(); ++i)
                batch.targets.push_back(static_cast<float>(sample.mask >> i & 1U));
        }
    }

    /// Waits until fewer than `prefetch` batches are held, then opens an empty one in memory used before.
    void begin_batch() {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return stop_ || ready_.size() < static_cast<std::size_t>(options_.prefetch); });
        Batch batch;
        if (!spare_.empty()) {
            batch = std::move(spare_.back());
            spare_.pop_back();
        }
        batch.n = 0;
        batch.image_size = options_.transform.image_size;
        batch.channels = options_.transform.channels;
        batch.images.clear();
        batch.images.reserve(static_cast<std::size_t>(std::min(options_.batch_size, size_)) * sample_floats_);
        batch.labels.clear();
        batch.targets.clear();
        batch.indices.clear();
        batch.names.clear();
        batch.parts.clear();
        filling_.batch = std::move(batch);
        filling_.bad.clear();
    }

    void publish() {
        Batch& batch = filling_.batch;
        batch.planned = batch.n;
        if (sharded() && published_ < std::ssize(shard_.batches)) {
            const Shard::Batch& plan = shard_.batches[static_cast<std::size_t>(published_++)];
            batch.planned = plan.planned;
            batch.next_sample = plan.next_sample;
        }
        {
            const std::lock_guard lock(mutex_);
            ready_.push_back(std::move(filling_));
        }
        filling_ = {};
        ready_changed_.notify_one();
    }

    /// Puts the end behind the last batch.
    void finish(std::exception_ptr error) {
        if (failed_ && !error) {
            const BadImage& last = filling_.bad.back();
            error = std::make_exception_ptr(InputError(
                fmt::format("[loader] {} of {} {} images are bad, at most {} ({:g} %) are allowed; the last one: {}", bad_found_,
                            size_, split_name(options_.split), bad_allowed_, 100.0 * options_.max_bad, last.reason)));
        }
        filling_.batch = {};
        filling_.end = true;
        filling_.error = error;
        publish();
    }

    const Dataset& dataset_;
    const LoaderOptions options_;
    const std::int64_t size_, bad_allowed_;
    std::vector<Item> items_;  // the samples under way, a ring
    std::vector<std::int64_t> order_;
    Shard shard_;                 // of several ranks
    std::int64_t end_ = 0;        // of the positions
    std::int64_t published_ = 0;  // batches, of the collector stage
    std::size_t sample_floats_ = 0;

    Baton source_;                // passed with position_
    std::int64_t position_ = 0;   // of the source stage
    std::int64_t announced_ = 0;  // of the source stage
    Baton collector_;             // passed with filling_ and bad_found_
    Delivery filling_;            // of the collector stage
    std::int64_t bad_found_ = 0;  // of the collector stage
    std::atomic<bool> failed_{false};

    std::int64_t bad_reported_ = 0;  // of next()'s thread

    std::mutex mutex_;  // guards ready_, spare_ and the writing of stop_
    std::condition_variable ready_changed_, room_;
    std::deque<Delivery> ready_;
    std::vector<Batch> spare_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

std::int64_t bad_images_allowed(double fraction, std::int64_t images) {
    // The product of a decimal fraction may lie a hair above the whole number that is meant.
    return static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(images) - 1e-9));
}

Loader::Loader(const Dataset& dataset, LoaderOptions options)
    : pipeline_(std::make_unique<Pipeline>(dataset, std::move(options))) {}
Loader::~Loader() = default;
bool Loader::next(Batch& batch) { return pipeline_->next(batch); }
std::int64_t Loader::bad_images() const { return pipeline_->bad_images(); }
std::int64_t Loader::batch_count() const { return pipeline_->batch_count(); }

}  // namespace keel
