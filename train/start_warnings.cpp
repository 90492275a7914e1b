#include "train/start_warnings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "data/inspect/info.h"
#include "data/pipeline/label_groups.h"
#include "engine/autograd.h"
#include "engine/rng_scope.h"
#include "engine/statistics_sync.h"
#include "kernels/error.h"
#include "train/image_size.h"
#include "train/run_course.h"

namespace keel {
namespace {

/// Notes how many rows each batch norm has; nothing is summed over anything.
class RowCounter final : public StatisticsSync {
public:
    void sum(std::span<double> values) override {
        const auto rows = static_cast<std::int64_t>(values.back());
        least = least ? std::min(*least, rows) : rows;
    }
    std::optional<std::int64_t> least;
};

/// Returns the size of the smallest of so many parts that a step of `images` is cut into; parts without images do not
/// count.
std::int64_t smallest_part(std::int64_t images, std::int64_t parts) {
    return std::max<std::int64_t>(1, images / std::max<std::int64_t>(1, parts));
}

void warn_of_batch_norm(const TrainConfig& config, const Dataset& dataset, const TrainState& train, int ranks,
                        std::vector<std::string>& warnings) {
    const std::int64_t samples = dataset.size(Split::train);
    const StatisticsImages images = statistics_images(config, samples, ranks);
    if (images.full > 1 && images.last != 1) return;
    if (least_values_an_image(train.spec, *train.module).value_or(2) > 1) return;
    const std::string harm = fmt::format(
        "at image_size {} this model has maps of 1x1, where batch norm over a batch of one image leaves nothing of it",
        train.spec.image_size);
    if (images.full == 1)
        warnings.push_back(harm +
                           ": nothing is learnt through them; raise --batch-size (or --ghost-batch, or lower "
                           "--virtual-shards), or --image-size");
    else
        warnings.push_back(fmt::format(
            "{}: the last step of an epoch of {} training images is such a batch; choose a --batch-size that does not "
            "leave one over, or raise --image-size",
            harm, samples));
}

/// Those that no sample shows are told with the data themselves (describe()).
void warn_of_labels(const Dataset& dataset, std::vector<std::string>& warnings) {
    if (dataset.task() != Task::labels) return;
    const SplitCounts counts = count_labels(dataset)[static_cast<std::size_t>(Split::train)];
    std::vector<std::string> always;
    for (std::size_t k = 0; k < counts.per_label.size(); ++k)
        if (counts.per_label[k] > 0 && counts.per_label[k] + counts.unknown[k] == counts.samples)
            always.push_back(dataset.label_names()[k]);
    if (!always.empty())
        warnings.push_back(
            fmt::format("no training image is known to be without {}: it cannot be learnt", fmt::join(always, ", ")));
}

void warn_of_options(const TrainConfig& config, const Dataset& dataset, std::vector<std::string>& warnings) {
    if (config.label_smoothing > 0 && dataset.task() == Task::labels)
        warnings.emplace_back("label_smoothing smooths classes and does nothing here: the data has labels");
    if (config.sampler != "balanced") return;
    const LabelGroups groups = label_groups(dataset, Split::train);
    if (groups.left_out > 0)
        warnings.push_back(fmt::format("sampler balanced draws none of {} training images of which nothing is known",
                                       groups.left_out));
}

/// Milestones, step_epochs and plateaus that never come, in a run of so many epochs, the last of them maybe in part.
void warn_of_decays(const TrainConfig& config, const RunCourse& course, double epochs,
                    std::vector<std::string>& warnings) {
    const auto late = [&](std::int64_t epoch) { return static_cast<double>(epoch) >= epochs; };
    std::vector<std::int64_t> never;
    std::ranges::copy_if(config.milestones, std::back_inserter(never), late);
    const bool stepped = config.schedule == "step";
    if (!stepped && (!config.milestones.empty() || config.step_epochs > 0))
        warnings.push_back(
            fmt::format("milestones and step_epochs do nothing: the schedule is {}, not step", config.schedule));
    else if (stepped && config.milestones.empty() && config.step_epochs == 0)
        warnings.emplace_back("schedule step decays nothing without milestones or step_epochs");
    else if (stepped && !never.empty())
        warnings.push_back(fmt::format("the decays at milestones {} never come: the run has {:.4g} epochs",
                                       fmt::join(never, ", "), epochs));
    if (stepped && config.step_epochs > 0 && late(config.step_epochs))
        warnings.push_back(
            fmt::format("the decay every {} epochs never comes: the run has {:.4g}", config.step_epochs, epochs));
    // The first validation cannot be without progress, and the epoch after the decay is the first that has it.
    if (config.schedule == "plateau" && late(config.plateau_patience + 2))
        warnings.push_back(
            fmt::format("the plateau's decay never comes: plateau_patience is {}, and the run has {:.4g} "
                        "epochs",
                        config.plateau_patience, epochs));
    const std::int64_t warmup = course.position_of_step(config.warmup_steps);
    if (config.warmup_steps == 0 || warmup < course.end()) return;
    const std::int64_t steps = course.steps_left({});
    const ScheduleOptions schedule = course.schedule(config);
    warnings.push_back(fmt::format(
        "the warm-up of {} steps takes the whole run of {}: the learning rate gets to {:.3g} of {:.3g}; lower "
        "--warmup-steps",
        config.warmup_steps, steps,
        learning_rate(schedule, {course.position_of_step(steps - 1), course.end(), course.epoch_samples()}),
        schedule.lr));
}

void warn_of_schedule(const TrainConfig& config, const Dataset& dataset, int ranks,
                      std::vector<std::string>& warnings) {
    const std::int64_t samples = dataset.size(Split::train);
    if (samples == 0 || visited_in_epoch(config, samples, ranks) == 0) return;
    const StepSize size{config.batch_size, ranks};
    const RunCourse course(config, samples, size, size);
    warn_of_decays(config, course, static_cast<double>(course.end()) / static_cast<double>(samples), warnings);
    if (dataset.size(Split::val) > 0) return;
    if (config.patience > 0) warnings.emplace_back("patience does nothing: the data has no validation split");
    if (config.schedule == "plateau")
        warnings.emplace_back("schedule plateau decays nothing: the data has no validation split");
}

void check_mixing(const TrainConfig& config, int ranks) {
    if ((config.mixup == 0 && config.cutmix == 0) || config.mix_probability == 0) return;
    const std::int64_t images =
        config.reproducible ? config.batch_size * ranks / config.virtual_shards : config.batch_size;
    if (images < 2)
        throw UsageError(
            fmt::format("[train] mixup and cutmix mix images of one batch{}, and want two there at least, not {}",
                        config.reproducible ? " and virtual shard" : "", images));
}

}  // namespace

StatisticsImages statistics_images(const TrainConfig& config, std::int64_t samples, int ranks) {
    const std::int64_t step = config.batch_size * ranks, left = samples % step;
    const auto of_step = [&](std::int64_t images) {
        if (config.reproducible) return smallest_part(images, config.virtual_shards);
        const std::int64_t shared = config.bn_ranks == 0 ? ranks : std::min(config.bn_ranks, ranks);
        // As a step is cut: into as many sub-batches as the rank with most images wants.
        const std::int64_t most = (images + ranks - 1) / ranks, ghost = config.ghost_batch;
        const std::int64_t cuts = ghost > 0 ? (most + ghost - 1) / ghost : 1;
        return std::min(images, shared * smallest_part(smallest_part(images, ranks), cuts));
    };
    return {samples < step ? of_step(samples) : of_step(step), left > 0 ? of_step(left) : 0};
}

std::optional<std::int64_t> least_values_an_image(const ModelSpec& spec, nn::Module& module) {
    if (module.buffers().empty()) return std::nullopt;
    const BufferGuard statistics(module);
    RowCounter counter;
    {
        const NoGrad no_grad;
        const RngScope draws(0, 0, {0});
        const StatisticsScope scope(&counter, true);
        module.train(true);
        module(Tensor::zeros({1, spec.image_size, spec.image_size, spec.options.channels}));
    }
    statistics.restore();
    return counter.least;
}

std::vector<std::string> start_warnings(const TrainConfig& config, const Dataset& dataset, const TrainState& train,
                                        int ranks) {
    check_mixing(config, ranks);
    std::vector<std::string> warnings;
    warn_of_labels(dataset, warnings);
    warn_of_options(config, dataset, warnings);
    warn_of_schedule(config, dataset, ranks, warnings);
    warn_of_batch_norm(config, dataset, train, ranks, warnings);
    for (std::string& warning : size_warnings(train.spec, image_sides(dataset))) warnings.push_back(std::move(warning));
    return warnings;
}

}  // namespace keel
