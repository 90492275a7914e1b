// A model that tests serve, and images for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "embed/images.h"
#include "serve/batcher.h"
#include "tests/embed/small_model.h"
#include "tests/support/temporary_folder.h"

namespace keel::test {

/// A folder with a small checkpoint and some images (tests/embed/small_model.h).
struct ServedFiles {
    TemporaryFolder folder;
    std::string checkpoint = folder / "small.safetensors";
    std::vector<std::string> images;

    explicit ServedFiles(int count = 4) {
        write_small_checkpoint(checkpoint);
        images = write_sample_images(folder.path(), count);
    }

    serve::ModelSource source(const std::string& name = "small") const { return {.name = name, .files = {checkpoint}}; }
    std::shared_ptr<const serve::ServedModel> model(const std::string& name = "small") const {
        return std::make_shared<const serve::ServedModel>(source(name), 4);
    }
};

/// The probabilities of one image.
inline std::vector<float> scored_alone(const serve::ServedModel& model, const ImageScorer::Inputs& inputs) {
    return model.scorer().score(std::span(&inputs, 1)).probabilities;
}

}  // namespace keel::test
