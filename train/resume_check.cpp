#include "train/resume_check.h"

#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <utility>

#include "engine/hash.h"
#include "train/config_file.h"

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

ResumeChanges changes_since(const TrainerState& then, const std::string& file, const TrainConfig& now, int ranks,
                            const std::string& data) {
    TrainConfig before;
    apply_toml(before, then.config, file);
    // As many images a step on another number of ranks is the same run.
    const std::int64_t images_before = before.batch_size * then.ranks, images = now.batch_size * ranks;
    const bool elastic = now.elastic && before.batch_size == now.batch_size;
    before.batch_size = now.batch_size;
    ResumeChanges changes{changes_that_matter(before, now), {}};
    if (images != images_before) {
        std::string change = fmt::format("images a step of all ranks were {}, are {}", images_before, images);
        if (elastic)
            changes.allowed.push_back(fmt::format("resumed on {} ranks in place of {}: {}", ranks, then.ranks, change));
        else
            changes.refused.push_back(std::move(change));
    }
    if (then.data != data)
        changes.refused.emplace_back(
            "the samples of the data, or their labels, or which of them are held out (files may have come or gone; "
            "earlier "
            "versions did not enter folders within a class's, and read fewer formats)");
    return changes;
}

}  // namespace keel
