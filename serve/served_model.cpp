#include "serve/served_model.h"

#include <sys/stat.h>

#include <utility>

#include "embed/loaded_model.h"
#include "embed/weights/weight_files.h"
#include "graph/build/graph_file.h"
#include "graph/onnx/file.h"
#include "kernels/error.h"

namespace keel::serve {
namespace {

ImageScorerOptions options_of(const ModelSource& source, std::int64_t batch) {
    return {.checkpoints = source.files,
            .precision = precision_of(source.precision),
            .calibrated = source.calibrated,
            .rule = source.rule,
            .batch = batch};
}

/// Whether a model's file holds layers, which heatmaps are made of. Of ONNX models, which would be read as a whole once
/// more to be recognized, none counts.
bool has_layers(const std::string& file) {
    return !onnx::is_onnx_file(file) && !holds_graph(read_weights_metadata(file));
}

}  // namespace

FileStamp stamp_of(const std::string& file) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0) return {};
    return {found.st_ino, static_cast<std::uint64_t>(found.st_size),
            std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec};
}

std::vector<FileStamp> stamps_of(const std::vector<std::string>& files) {
    std::vector<FileStamp> stamps;
    for (const std::string& file : files) stamps.push_back(stamp_of(file));
    return stamps;
}

// The stamps are taken first: a file that is replaced while it is read is found changed afterwards.
ServedModel::ServedModel(ModelSource source, std::int64_t batch)
    : source_(std::move(source)),
      stamps_(stamps_of(source_.files)),
      scorer_(options_of(source_, batch)),
      explains_(scorer_.models().size() == 1 && has_layers(source_.files.front())) {}

HeatGrid ServedModel::heat(const Tensor& input, std::int64_t label) const {
    if (!explains_)
        throw UsageError("[serve] " + source_.name +
                         " is a graph or an ensemble: heatmaps want one checkpoint that has layers");
    const std::lock_guard lock(mutex_);
    if (!activation_) {
        auto activation = std::make_unique<ClassActivation>(load_model(source_.files.front()));
        if (stamps_of(source_.files) != stamps_)
            throw InputError("[serve] the file of " + source_.name +
                             " was replaced: heatmaps are there again once the new one is loaded");
        activation_ = std::move(activation);
    }
    return heat_of(*activation_, activation_->maps(input, {&label, 1}), 0, 0);
}

}  // namespace keel::serve
