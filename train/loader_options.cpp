#include "train/loader_options.h"

#include <utility>

#include "data/pipeline/label_groups.h"
#include "embed/images.h"

namespace keel {

LoaderOptions validation_loader(const TrainConfig& config, const ModelSpec& spec,
                                std::function<void(const BadImage&)> on_bad_image) {
    LoaderOptions loader;
    loader.split = Split::val;
    loader.transform = transform_of(spec);
    loader.batch_size = config.batch_size;
    loader.seed = config.seed;
    loader.workers = config.workers;
    loader.prefetch = config.prefetch;
    loader.max_bad = config.max_bad;
    loader.on_bad_image = std::move(on_bad_image);
    return loader;
}

LoaderOptions training_loader(const TrainConfig& config, const Dataset& dataset, const ModelSpec& spec,
                              const ShardOptions& shard, const TrainerState& state,
                              std::function<void(const BadImage&)> on_bad_image) {
    LoaderOptions loader = validation_loader(config, spec, std::move(on_bad_image));
    loader.split = Split::train;
    loader.transform.augment = true;
    loader.transform.flip = config.flip;
    loader.transform.rotate_degrees = static_cast<float>(config.rotate);
    loader.transform.shift = static_cast<float>(config.shift);
    loader.transform.scale_min = static_cast<float>(config.scale_min);
    loader.transform.brightness = static_cast<float>(config.brightness);
    loader.transform.contrast = static_cast<float>(config.contrast);
    loader.transform.erase = static_cast<float>(config.erase);
    loader.transform.erase_area = static_cast<float>(config.erase_area);
    loader.mix = {.mixup = config.mixup, .cutmix = config.cutmix, .probability = config.mix_probability};
    loader.shuffle = true;
    if (config.sampler == "balanced") loader.groups = label_groups(dataset, Split::train).samples;
    loader.epoch = static_cast<std::uint64_t>(state.epoch);
    loader.start_sample = state.sample_offset;
    loader.shard = shard;
    return loader;
}

}  // namespace keel
