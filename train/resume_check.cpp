#include "train/resume_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>

#include "engine/hash.h"
#include "train/config_file.h"
#include "train/run_course.h"

namespace keel {

std::string hash_of(const Dataset& dataset) {
    Hash hash;
    for (const Split split : {Split::train, Split::val})
        for (const Sample& sample : dataset.samples(split)) {
            hash.add(fmt::format("{}\n{}\n{}\n{}\n", split_name(split), sample.name, sample.label, sample.mask));
            if (sample.known != kAllKnown) hash.add(fmt::format("known {}\n", sample.known));
        }
    return hash.hex();
}

std::string hash_of(const std::vector<NamedTensor>& tensors) {
    Hash hash;
    for (const auto& [name, tensor] : tensors) {
        const Tensor plain = tensor.contiguous();
        hash.add(name);
        if (plain.dtype() == DType::f32)
            hash.add(std::as_bytes(plain.values<float>()));
        else
            hash.add(std::as_bytes(plain.values<std::int32_t>()));
    }
    return hash.hex();
}

void count_in_epochs(TrainerState& state, const std::string& file, std::int64_t samples) {
    if (state.began.images() > 0) return;
    TrainConfig config;
    apply_toml(config, state.config, file);
    const std::int64_t every = config.eval_every;
    const auto epochs = [&](std::int64_t validations) {
        const std::int64_t most = std::min<std::int64_t>(state.epoch, std::numeric_limits<int>::max());
        return validations > most / every ? most : validations * every;
    };
    state.began = {config.batch_size, state.ranks};
    state.judged_epochs = state.epoch - state.epoch % every;
    state.epochs_since_best = static_cast<int>(epochs(state.epochs_since_best));
    state.plateau.bad_epochs = epochs(state.plateau.bad_epochs);
    // A run that had gone on with steps of another size, or lost a step to bad images, has other steps behind it than
    // these would be.
    const auto steps_in = [&](std::int64_t part) { return (part + state.began.images() - 1) / state.began.images(); };
    const std::int64_t steps = std::max<std::int64_t>(steps_in(visited_in_epoch(config, samples, state.ranks)), 1),
                       of_epoch = steps_in(std::min(state.sample_offset, samples));
    state.steps_vary = state.step / steps < state.epoch || state.step - state.epoch * steps != of_epoch;
}

ResumeChanges changes_since(const TrainerState& then, const std::string& file, const TrainConfig& now, int ranks,
                            const std::string& data) {
    TrainConfig before;
    apply_toml(before, then.config, file);
    // As many images a step on another number of ranks is the same run.
    const std::int64_t images_before = before.batch_size * then.ranks, images = now.batch_size * ranks;
    const bool elastic = now.elastic && before.batch_size == now.batch_size;
    before.batch_size = now.batch_size;
    ResumeChanges changes{changes_that_matter(before, now), {}, images != images_before};
    if (images != images_before) {
        std::string change = fmt::format("images a step of all ranks were {}, are {}", images_before, images);
        if (elastic)
            changes.allowed.push_back(fmt::format("resumed on {} ranks in place of {}: {}", ranks, then.ranks, change));
        else
            changes.refused.push_back(std::move(change));
    }
    if (images == images_before && ranks != then.ranks && !now.reproducible)
        changes.allowed.push_back(
            fmt::format("resumed on {} ranks in place of {}, with as many images a step{}", ranks, then.ranks,
                        now.bn_ranks == 0 ? ""
                                          : fmt::format(": batch norms see {} images of a rank in place of {}",
                                                        now.batch_size, images_before / then.ranks)));
    if (then.data != data)
        changes.refused.emplace_back(
            "the samples of the data, or their labels, or which of them are held out (files may have come or gone; "
            "earlier "
            "versions did not enter folders within a class's, and read fewer formats)");
    return changes;
}

}  // namespace keel
