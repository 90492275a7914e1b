// Trainer: what memory its steps are going to take.
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "data/pipeline/ordered.h"
#include "kernels/routing/choice.h"
#include "train/distillation.h"
#include "train/step_memory.h"
#include "train/trainer.h"

namespace keel {
namespace {

/// How many images a rank's forward pass has at most.
std::int64_t images_at_once(const TrainConfig& config, std::int64_t samples, int ranks) {
    const std::int64_t own = std::min(config.batch_size, (samples + ranks - 1) / ranks);
    if (config.reproducible) {
        const std::int64_t all = std::min(config.batch_size * ranks, samples), shards = config.virtual_shards;
        return std::max<std::int64_t>(1, (all + shards - 1) / shards);
    }
    return config.ghost_batch > 0 ? std::min(config.ghost_batch, own) : own;
}

/// The images that loaders read ahead: the batches in their queue, the one that is filled and the step's own, and what
/// threads decode into.
std::int64_t bytes_read_ahead(const TrainConfig& config, const ModelSpec& spec, std::int64_t samples, int ranks) {
    const std::int64_t image =
        spec.image_size * spec.image_size * spec.options.channels * static_cast<std::int64_t>(sizeof(float));
    const std::int64_t of_epoch = (samples + ranks - 1) / ranks, batch = std::min(config.batch_size, of_epoch);
    const std::int64_t ahead = std::min((config.prefetch + 2) * batch, of_epoch + 2 * batch);
    return image * (ahead + static_cast<std::int64_t>(ordered_slots(config.workers)));
}

/// The most that is taken and not given back at once.
std::int64_t peak_of(const std::vector<ArenaEvent>& log) {
    std::int64_t held = 0, most = 0;
    for (const ArenaEvent& event : log) {
        held += (event.taken ? 1 : -1) * static_cast<std::int64_t>(event.bytes);
        most = std::max(most, held);
    }
    return most;
}

/// The blocks that the optimizer's state takes at the first update; none where it has taken them.
std::vector<std::int64_t> late_blocks(const Optimizer& optimizer) {
    std::vector<std::int64_t> blocks;
    if (!optimizer.state().empty()) return blocks;
    for (const NamedTensor& parameter : optimizer.parameters())
        if (parameter.tensor.requires_grad())
            blocks.insert(
                blocks.end(), static_cast<std::size_t>(optimizer.tensors_a_parameter()),
                parameter.tensor.storage_elements() * static_cast<std::int64_t>(size_of(parameter.tensor.dtype())));
    return blocks;
}

/// What a validation packs of the weights for its convolutions, beside the arena.
std::int64_t packed_bytes(const nn::Module& module) {
    std::int64_t bytes = 0;
    for (const NamedTensor& parameter : module.parameters())
        if (parameter.tensor.rank() == 4)
            bytes += parameter.tensor.storage_elements() * static_cast<std::int64_t>(size_of(parameter.tensor.dtype()));
    return bytes;
}

}  // namespace

MemoryNeed Trainer::memory_need() {
    MemoryNeed need;
    if (kernels::is_tuning()) return need;  // which would measure the convolutions of these steps as well
    train_.module->train(true);
    std::vector<ArenaEvent> one, two;
    const auto recorded = [&](std::int64_t images, std::vector<ArenaEvent>& log) {
        step_.rehearse(images);  // weights take their layout
        Arena::global().record(&log);
        try {
            step_.rehearse(images);
        } catch (...) {
            Arena::global().record(nullptr);
            throw;
        }
        Arena::global().record(nullptr);
    };
    recorded(1, one);
    recorded(2, two);
    const ArenaStatistics arena = Arena::global().statistics();
    const std::int64_t samples = dataset_->size(Split::train), kept = static_cast<std::int64_t>(arena.in_use);
    const int ranks = parallel_.world().size();
    const std::int64_t images = images_at_once(config_, samples, ranks), peak = peak_of(one);
    need.an_image = std::max<std::int64_t>(0, peak_of(two) - peak);
    const auto script = StepScript::draw(one, 1, two, 2);
    need.exact = script.has_value();
    const std::vector<std::int64_t> late = late_blocks(*train_.optimizer);
    need.tensors = script ? script->reserved(images, kept, late)
                          : kept + peak + need.an_image * (images - 1) +
                                std::accumulate(late.begin(), late.end(), std::int64_t{0});
    need.batches = bytes_read_ahead(config_, train_.spec, samples, ranks);
    need.now = read_own_memory().now;
    need.total = need.now + std::max<std::int64_t>(0, need.tensors - static_cast<std::int64_t>(arena.reserved)) +
                 need.batches + (dataset_->size(Split::val) > 0 ? packed_bytes(*train_.module) : 0) +
                 (train_.distillation ? train_.distillation->kept_bytes() : 0);
    return need;
}

}  // namespace keel
