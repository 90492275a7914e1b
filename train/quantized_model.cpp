#include "train/quantized_model.h"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "graph/build/graph_file.h"
#include "kernels/error.h"

namespace keel {

std::vector<Tensor> calibration_images(const Dataset& dataset, LoaderOptions loader, std::int64_t count,
                                       const std::function<void(std::int64_t, std::int64_t)>& progress) {
    const std::int64_t there = std::min(count, dataset.size(loader.split));
    if (there < kLeastCalibrationImages)
        throw InputError(
            fmt::format("[quantize] wanted {} images at least, there are {}", kLeastCalibrationImages, there));
    loader.batch_size = std::min(loader.batch_size, there / kLeastCalibrationImages);
    loader.shuffle = true;
    Loader batches(dataset, loader);
    std::vector<Tensor> images;
    std::int64_t loaded = 0;
    for (Batch batch; loaded < count && batches.next(batch);) {
        images.push_back(images_of(batch));
        loaded += batch.n;
        if (progress) progress(loaded, count);
    }
    return images;
}

void save_quantized(const std::filesystem::path& path, ModelSpec spec, const Quantized& quantized,
                    const std::string& made_of) {
    std::map<std::string, std::string> metadata{{"keel.ranges", std::string(name(quantized.report.method))},
                                                {"keel.made_of", made_of}};
    spec.operating.reset();
    write_spec(spec, metadata);
    save_graph(path, quantized.graph, std::move(metadata));
}

}  // namespace keel
