#include "train/distillation.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/pipeline/sampler.h"
#include "engine/paths.h"
#include "engine/rng_scope.h"
#include "kernels/error.h"
#include "models/registry.h"
#include "train/distill/distillation_loss.h"
#include "train/loader_options.h"
#include "train/weighted_loss.h"

namespace keel {
namespace {

constexpr std::int64_t kMostKept = std::int64_t{4} << 30;  // bytes of answers, in memory of each rank
constexpr std::int64_t kAskedAtOnce = 16;    // images; the same for any batch and number of ranks, as answers are then
constexpr std::int64_t kBatchesAChunk = 64;  // that ranks divide before all get all
constexpr std::chrono::seconds kBetweenSaves{300};

using SaveClock = std::chrono::steady_clock;

Teachers::Options asking_options(const TrainConfig& config) {
    return {.batch = kAskedAtOnce, .map = config.hint_weight > 0, .map_name = config.teacher_layer};
}

void mirror(Batch& batch) {
    const auto side = static_cast<std::size_t>(batch.image_size), channels = static_cast<std::size_t>(batch.channels);
    for (std::size_t row = 0; row < static_cast<std::size_t>(batch.n) * side; ++row)
        for (std::size_t x = 0; x < side / 2; ++x)
            std::swap_ranges(
                batch.images.begin() + static_cast<std::ptrdiff_t>((row * side + x) * channels),
                batch.images.begin() + static_cast<std::ptrdiff_t>((row * side + x + 1) * channels),
                batch.images.begin() + static_cast<std::ptrdiff_t>((row * side + side - 1 - x) * channels));
}

std::string bytes_of_values(std::span<const float> values) {
    return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

/// Takes back what bytes_of_values() made.
void take_values(const std::string& text, std::span<float> values) {
    if (text.size() != values.size_bytes()) throw InputError("[teacher] ranks have answers of different sizes");
    std::memcpy(values.data(), text.data(), text.size());
}

/// How the training images are augmented, as far as answers are kept of it.
TransformOptions mirroring(const TrainConfig& config) {
    TransformOptions transform;
    transform.augment = true;
    transform.flip = config.flip;
    return transform;
}

class DistillationLoss final : public Loss {
public:
    DistillationLoss(std::shared_ptr<const Distillation> of, std::shared_ptr<const Loss> labels,
                     const nn::Module* hinted)
        : of_(std::move(of)), labels_(std::move(labels)), hinted_(hinted) {}

    bool watches() const override { return hinted_ != nullptr || labels_->watches(); }
    void watch(const nn::ModuleCall& call) const override {
        if (&call.module == hinted_) map_ = call.dst;
        if (labels_->watches()) labels_->watch(call);
    }

    Tensor operator()(const Tensor& logits, const Batch& batch) const override {
        const TrainConfig& config = of_->config();
        const TeacherAnswers answers = of_->answers(batch);
        std::vector<Tensor> terms;
        std::vector<double> weights;
        const auto add = [&](double weight, const auto& term) {
            if (weight == 0) return;
            terms.push_back(term());
            weights.push_back(weight);
        };
        add(1 - config.teacher_weight, [&] { return (*labels_)(logits, batch); });
        add(config.teacher_weight, [&] {
            return distillation_loss(logits, columns(answers, 0, answers.teachers * answers.labels), batch.weights,
                                     !of_->student().multi_label, config.temperature);
        });
        add(config.hint_weight, [&] {
            if (!map_) throw UsageError("[hint] no map was made by the layer that hints are for");
            const Tensor seen = columns(answers, answers.teachers * answers.labels, answers.h * answers.w);
            return attention_loss(std::exchange(map_, {}), seen.values<float>(), answers.h, answers.w, batch.weights);
        });
        return weighted_sum(terms, weights);
    }

    std::vector<NamedTensor> variables() const override { return labels_->variables(); }
    void step() const override { labels_->step(); }

private:
    static Tensor columns(const TeacherAnswers& answers, std::int64_t begin, std::int64_t count) {
        const std::int64_t width = answers.width(), n = std::ssize(answers.rows) / width;
        Tensor part = Tensor::empty({n, count});
        for (std::int64_t i = 0; i < n; ++i)
            std::copy_n(answers.rows.begin() + i * width + begin, count, part.data<float>() + i * count);
        return part;
    }

    std::shared_ptr<const Distillation> of_;
    std::shared_ptr<const Loss> labels_;
    const nn::Module* hinted_;
    mutable Tensor map_;  // of the forward pass before
};

}  // namespace

std::string why_not_kept(const TrainConfig& c) {
    std::vector<std::string> changing;
    const auto note = [&](bool on, const char* key) {
        if (on) changing.emplace_back(key);
    };
    note(c.rotate > 0, "rotate");
    note(c.shift > 0, "shift");
    note(c.scale_min < 1, "scale_min");
    note(c.brightness > 0, "brightness");
    note(c.contrast > 0, "contrast");
    note(c.erase > 0, "erase");
    note(c.mixup > 0 && c.mix_probability > 0, "mixup");
    note(c.cutmix > 0 && c.mix_probability > 0, "cutmix");
    return fmt::format("{}", fmt::join(changing, ", "));
}

Distillation::Distillation(const TrainConfig& config, const Dataset& dataset, const ModelSpec& student)
    : config_(config),
      student_(student),
      teachers_(teacher_files(config.teacher), dataset, asking_options(config)),
      notes_(teachers_.notes()) {
    if (config.teacher_weight == 0 && config.hint_weight == 0)
        throw UsageError("[teacher] teacher_weight and hint_weight are both 0: wanted one of them above it");
    if (const std::string changing = why_not_kept(config); !changing.empty()) {
        notes_.push_back(
            fmt::format("teachers are asked in every step: {} show an image in another way each time", changing));
        return;
    }
    const std::int64_t views = config.flip ? 2 : 1, samples = dataset.size(Split::train),
                       width = teachers_.form().width();
    const std::int64_t bytes = samples * views * width * std::int64_t{sizeof(float)};
    if (bytes > kMostKept) {
        notes_.push_back(fmt::format("teachers are asked in every step: their answers would be {:.1f} GB",
                                     static_cast<double>(bytes) / 1e9));
        return;
    }
    views_ = views;
    kept_bytes_ = bytes;
}

Distillation::~Distillation() = default;

std::shared_ptr<const Loss> Distillation::loss(const std::shared_ptr<const Distillation>& of,
                                               std::shared_ptr<const Loss> labels, nn::Module& student) {
    const TrainConfig& config = of->config_;
    const nn::Module* hinted = nullptr;
    if (config.hint_weight > 0) {
        const std::string wanted =
            config.hint_layer.empty() ? find_model(of->student_.name).features : config.hint_layer;
        student.for_each([&](const std::string& name, nn::Module& module) {
            if (name == wanted) hinted = &module;
        });
        if (hinted == nullptr)
            throw UsageError(fmt::format("[hint] {} has no layer called {}", of->student_.name, wanted));
    }
    return std::make_shared<DistillationLoss>(of, std::move(labels), hinted);
}

const std::string& Distillation::identity() const { return teachers_.identity(); }

const std::vector<std::string>& Distillation::notes() const { return notes_; }

TeacherAnswers Distillation::answers(const Batch& batch) const {
    const auto there = [&](std::int64_t index) { return cache_->has(index); };
    const bool known = cache_ && std::ssize(batch.indices) == batch.n && std::ranges::all_of(batch.indices, there);
    return known ? kept(batch) : teachers_.answer(batch, student_);
}

TeacherAnswers Distillation::kept(const Batch& batch) const {
    const TransformOptions transform = mirroring(config_);
    TeacherAnswers answers = teachers_.form();
    for (std::size_t i = 0; i < batch.indices.size(); ++i) {
        const auto draw = static_cast<std::uint64_t>(draws_of(batch)[i]);
        const bool flip =
            cache_->views() > 1 && draw_augmentation(transform, config_.seed, RngScope::epoch(), draw).flip;
        const std::span<const float> row = std::as_const(*cache_).row(batch.indices[i], flip ? 1 : 0);
        answers.rows.insert(answers.rows.end(), row.begin(), row.end());
    }
    return answers;
}

bool Distillation::ask(const Dataset& dataset, Slice samples, const Asking& asking) {
    if (samples.begin >= samples.end) return true;
    const ModelSpec& shown = teachers_.shown();
    LoaderOptions options = validation_loader(config_, shown, asking.on_bad_image);
    options.split = Split::train;
    options.batch_size = kAskedAtOnce;
    options.start_sample = samples.begin;
    options.end_sample = samples.end;
    options.stop_waiting = asking.stop;
    for (std::int64_t sample = samples.begin; sample < samples.end; ++sample) cache_->mark_unanswered(sample);
    Loader loader(dataset, options);
    for (Batch batch; loader.next(batch);) {
        if (asking.stop && asking.stop()) return false;
        for (std::int64_t view = 0; view < cache_->views(); ++view) {
            if (view > 0) mirror(batch);
            const TeacherAnswers answers = teachers_.answer(batch, shown);
            const auto width = static_cast<std::ptrdiff_t>(answers.width());
            for (std::size_t i = 0; i < batch.indices.size(); ++i)
                std::copy_n(answers.rows.begin() + static_cast<std::ptrdiff_t>(i) * width, width,
                            cache_->row(batch.indices[i], view).begin());
        }
        if (asking.on_batch) asking.on_batch(std::ssize(batch.indices));
    }
    return true;
}

bool Distillation::ask_chunk(World& world, const Dataset& dataset, Slice chunk, const Asking& asking) {
    const auto part = [&](int rank) {  // whole batches, so that they are the same on any number of ranks
        const std::int64_t size = kAskedAtOnce, count = (chunk.end - chunk.begin + size - 1) / size;
        const Slice batches = slice_of(count, rank, world.size());
        return Slice{std::min(chunk.end, chunk.begin + batches.begin * size),
                     std::min(chunk.end, chunk.begin + batches.end * size)};
    };
    const Slice own = part(world.rank());
    const bool going = ask(dataset, own, asking);
    const std::vector<int> stopped = world.gather(going ? 0 : 1);
    if (std::ranges::find(stopped, 1) != stopped.end()) {
        cache_->forget(chunk.begin, chunk.end);
        return false;
    }
    if (world.is_single()) return true;
    const std::vector<std::string> parts = world.gather_texts(bytes_of_values(cache_->of_samples(own.begin, own.end)));
    for (int rank = 0; rank < world.size(); ++rank) {
        const Slice theirs = part(rank);
        take_values(parts[static_cast<std::size_t>(rank)], cache_->of_samples(theirs.begin, theirs.end));
    }
    return true;
}

std::filesystem::path Distillation::open_cache(World& world, const Dataset& dataset,
                                               const std::function<void(const std::string&)>& remark) {
    const std::int64_t samples = dataset.size(Split::train), width = teachers_.form().width();
    // One rank looks at the images' files, which a thousand at once would be a load for.
    const std::string images = world.is_root() ? hash_of_images(dataset, Split::train) : "";
    cache_.emplace(fmt::format("keel answers 1; teachers {}; images {}; {} samples, {} views, {} values",
                               teachers_.identity(), images, samples, views_, width),
                   samples, views_, width);
    const std::filesystem::path folder = config_.teacher_cache.empty() ? config_.out : config_.teacher_cache;
    const std::filesystem::path file = folder.empty() ? folder : cache_->file_in(folder);
    remark(world.is_root() && !file.empty() ? cache_->load(file) : "");
    return file;
}

TeacherTime Distillation::rehearse(World& world, const Dataset& dataset, double seconds) {
    if (views_ == 0) return {};
    rehearsed_ = true;
    const auto seconds_since = [](SaveClock::time_point start) {
        return std::chrono::duration<double>(SaveClock::now() - start).count();
    };
    const auto opened_at = SaveClock::now();
    open_cache(world, dataset, [](const std::string&) {});
    TeacherTime time{.views = views_};
    const std::int64_t samples = cache_->samples();
    for (std::int64_t i = 0; world.is_root() && i < samples; ++i) time.images += cache_->were_asked(i, i + 1) ? 0 : 1;
    time.images = std::stoll(world.broadcast(std::to_string(time.images)));
    time.begin = seconds_since(opened_at);
    if (time.images > 0) {
        // The first batch chooses kernels.
        auto began = SaveClock::now();
        double took = 0;
        std::int64_t asked = 0, batches = 0;
        const Asking asking{.stop = [&] { return batches > 1 && took >= seconds; },
                            .on_batch =
                                [&](std::int64_t images) {
                                    took = seconds_since(began);
                                    if (++batches == 1)
                                        began = SaveClock::now();
                                    else
                                        asked += images;
                                }};
        ask(dataset, slice_of(samples, world.rank(), world.size()), asking);
        const std::vector<double> ranks =
            world.gather(asked > 0 ? took / static_cast<double>(asked) : took / kAskedAtOnce);
        time.an_image = *std::ranges::max_element(ranks);
    }
    for (std::int64_t i = 0; i < samples; ++i)
        if (!cache_->has(i)) std::ranges::fill(cache_->of_samples(i, i + 1), 0.0F);
    return time;
}

bool Distillation::prepare(World& world, const Dataset& dataset, const Asking& asking) {
    if (views_ == 0 || rehearsed_) return true;
    const std::int64_t samples = dataset.size(Split::train);
    const auto remark = [&](const std::string& text) {
        if (const std::string said = world.broadcast(text); asking.remark && !said.empty()) asking.remark(said);
    };
    const std::filesystem::path file = open_cache(world, dataset, remark);
    const auto save = [&]() -> std::string {
        if (!world.is_root() || file.empty()) return "";
        try {
            make_folders(file.parent_path());
            cache_->save(file);
        } catch (const IoError& error) {
            return fmt::format("answers of teachers are not kept: {}", error.what());
        }
        return "";
    };
    std::int64_t asked = 0;
    auto saved_at = SaveClock::now();
    const std::int64_t size = kBatchesAChunk * kAskedAtOnce;
    for (std::int64_t begin = 0; begin < samples; begin += size) {
        const Slice chunk{begin, std::min(samples, begin + size)};
        const std::span<float> rows = cache_->of_samples(chunk.begin, chunk.end);
        const bool there = world.is_root() && cache_->were_asked(chunk.begin, chunk.end);
        if (const std::string known = world.broadcast(there ? bytes_of_values(rows) : ""); !known.empty()) {
            take_values(known, rows);
            continue;
        }
        if (!ask_chunk(world, dataset, chunk, asking)) {
            remark(save());
            return false;
        }
        asked += chunk.end - chunk.begin;
        if (asking.progress) asking.progress(chunk.end, samples);
        if (chunk.end < samples && SaveClock::now() - saved_at < kBetweenSaves) continue;
        if (const std::string failed = save(); chunk.end == samples) remark(failed);
        saved_at = SaveClock::now();
    }
    if (asking.note)
        asking.note(fmt::format("teachers were asked about {} of {} training images{}{}", asked, samples,
                                file.empty() ? "" : ", the answers are in ", file.string()));
    return true;
}

}  // namespace keel
