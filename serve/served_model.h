// One version of a model that is served: loaded once, never changed, shared by all requests that are answered with it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "embed/heatmap.h"
#include "embed/image_scorer.h"

namespace keel::serve {

/// What a version of a model is made of.
struct ModelSource {
    std::string name{}, version = "1";
    std::vector<std::string> files{};  ///< several: an ensemble
    std::string precision = "f32";     ///< f32, bf16 or auto (precision_of())
    bool calibrated = false;
    std::string rule{};  ///< of the operating points; empty: the one that was chosen when they were measured

    bool operator==(const ModelSource&) const = default;
};

/// By what a file that was replaced is told from the one that was read. A file that is not there has zeros.
struct FileStamp {
    std::uint64_t inode = 0, size = 0;
    std::int64_t changed = 0;  ///< nanoseconds since 1970

    bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::string& file);
std::vector<FileStamp> stamps_of(const std::vector<std::string>& files);

class ServedModel {
public:
    /// Reads the files. `batch`: images for which kernels are chosen. Throws as ImageScorer does.
    ServedModel(ModelSource source, std::int64_t batch);

    const ModelSource& source() const { return source_; }
    const ImageScorer& scorer() const { return scorer_; }
    const ModelSpec& spec() const { return scorer_.spec(); }
    const std::vector<std::string>& labels() const { return spec().label_names; }
    /// The files as they were when they were read.
    const std::vector<FileStamp>& stamps() const { return stamps_; }

    /// Whether heat() can be asked: one model, of layers, that is no graph.
    bool explains() const { return explains_; }
    /// Returns where in an image a label is seen, in [0, 1] (heat_of()). `input` {1, size, size, channels} is the image
    /// as the model takes it. Computes: for the thread that runs the batches (serve/batcher.h). Throws UsageError where
    /// explains() is false, InputError where the file was replaced since the model was read.
    HeatGrid heat(const Tensor& input, std::int64_t label) const;

private:
    ModelSource source_;
    std::vector<FileStamp> stamps_;
    ImageScorer scorer_;
    bool explains_ = false;
    mutable std::mutex mutex_;                             // guards:
    mutable std::unique_ptr<ClassActivation> activation_;  ///< made when it is asked first: most servers never are
};

}  // namespace keel::serve
