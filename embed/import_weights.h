// From a file of another program's weights to a checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "embed/loaded_model.h"

namespace keel {

/// What the weights do not say. An empty text and 0 leave what they imply.
struct ImportOptions {
    std::string key{};                 ///< what lies under this key, or is named below it
    std::string model{};               ///< refuses weights of any other
    std::int64_t classes = 0;          ///< others than the weights': with a classifier of random weights
    std::int64_t channels = 0;         ///< of the images: see fit_stem()
    std::int64_t image_size = 0;       ///< pixels a side
    std::string pixels = "auto";       ///< see pixel_range(); auto: as guess_spec() guesses
    std::vector<float> mean{}, std{};  ///< in place of those
    std::vector<std::string> labels{};
    bool multi_label = false;
    std::uint64_t seed = 0;  ///< of the new classifier's weights
};

struct Imported {
    LoadedModel model;                    ///< without a module where it is a graph:
    std::optional<graph::Graph> graph{};  ///< an ONNX model that is none of Keel's
    bool gives_probabilities = false;     ///< what the file's own outputs were
    std::vector<std::string> notes{};     ///< what was found, guessed and changed, for people
};

/// What a model takes pixels of [0, 1] for, as mean and deviation: "imagenet", "xrv" (torchxrayvision, -1024 to 1024),
/// "minus-one-to-one" or "zero-to-one". Throws UsageError for another name.
struct PixelRange {
    const char* name;
    std::vector<float> mean, std;
};
const PixelRange& pixel_range(const std::string& name);

/// Reads weights of a model that Keel has, of a file or of several that hold parts of it, or an ONNX model of any
/// other. Throws what load_model() does, InputError for a checkpoint of Keel, UsageError for options that contradict
/// the weights or one another.
Imported import_weights(const std::filesystem::path& path, const ImportOptions& options);
Imported import_weights(std::span<const std::filesystem::path> files, const ImportOptions& options);

/// Writes a model as a checkpoint that trains, predicts and is quantized.
void save_model(const std::filesystem::path& path, const LoadedModel& model);
/// Likewise; a graph as a checkpoint that predicts and is quantized.
void save_model(const std::filesystem::path& path, const Imported& imported);

/// Writes a model's weights as safetensors by torchvision's names, which torchvision's models load strictly; labels and
/// what pixels are in the metadata. Throws UsageError for numbers that half precision cannot hold, IoError.
void export_weights(const std::filesystem::path& path, const LoadedModel& model, StoredFloat floats);

struct Verified {
    double largest_difference, largest_output;
    std::int64_t images;
};
/// Runs the model on the tensor "input" {n, c, h, w}, which is normalized, of a safetensors file, and compares its
/// logits, or what the file gave in their place, with the tensor "output" {n, classes}. Throws InputError where the
/// file has no such tensors.
Verified verify(const Imported& imported, const std::filesystem::path& path);

}  // namespace keel
