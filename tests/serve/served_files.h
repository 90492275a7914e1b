// A model that tests serve, and images for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "embed/images.h"
#include "engine/checkpoint.h"
#include "serve/batcher.h"
#include "tests/embed/small_model.h"
#include "tests/support/temporary_folder.h"

namespace keel::test {

/// Writes a resnet20 for RGB images of 32 x 32 pixels, multi-label, labels "a", "b" and "c".
inline void write_served_checkpoint(const std::string& path) {
    const ModelSpec spec{.name = "resnet20",
                         .options = {.classes = 3, .channels = 3},
                         .image_size = 32,
                         .mean = {0.4F},
                         .std = {0.2F},
                         .multi_label = true,
                         .label_names = {"a", "b", "c"}};
    CheckpointState state{{}, make_model(spec.name, spec.options, 7)->state()};
    write_spec(spec, state.metadata);
    save_checkpoint(path, state);
}

/// Images for which models and predictors of these tests choose their kernels.
inline constexpr std::int64_t kServedBatch = 4;

/// The probabilities that a fresh predictor of a checkpoint gives a file.
inline std::vector<float> served_scores(const std::string& checkpoint, const std::string& file) {
    const Predictor model(checkpoint, kServedBatch);
    const TransformOptions transform = transform_of(model.spec());
    const Image image = load_image(file, transform);
    const Tensor scores = model.predict(input_of({&image, 1}, transform));
    return {scores.values<float>().begin(), scores.values<float>().end()};
}

/// A folder with a checkpoint and some images (tests/embed/small_model.h).
struct ServedFiles {
    TemporaryFolder folder;
    std::string checkpoint = folder / "small.safetensors";
    std::vector<std::string> images;

    explicit ServedFiles(int count = 4) {
        write_served_checkpoint(checkpoint);
        images = write_sample_images(folder.path(), count);
    }

    serve::ModelSource source(const std::string& name = "small") const { return {.name = name, .files = {checkpoint}}; }
    std::shared_ptr<const serve::ServedModel> model(const std::string& name = "small") const {
        return std::make_shared<const serve::ServedModel>(source(name), kServedBatch);
    }
};

/// A file as an element of BYTES: its length in four bytes, little-endian, and itself.
inline std::string bytes_element(const std::string& file) {
    const auto size = static_cast<std::uint32_t>(file.size());
    return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + file;
}

/// The probabilities of one image.
inline std::vector<float> scored_alone(const serve::ServedModel& model, const ImageScorer::Inputs& inputs) {
    return model.scorer().score(std::span(&inputs, 1)).probabilities;
}

}  // namespace keel::test
