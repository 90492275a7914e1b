// The way to run a trained model inside another program: load once, predict from any number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/precision.h"
#include "graph/runtime.h"
#include "models/model_spec.h"

namespace keel {

/// An image of a call for which there is no answer, and why: its pixels, or what the model made of them, are NaN or
/// infinite.
struct NoAnswer {
    std::int64_t image;
    std::string why;  ///< for people
};

/// Throws InputError, which names the first of them, unless there are none. `who`: of the message, e.g. "predictor".
void require_answers(const std::vector<NoAnswer>& none, std::int64_t images, const std::string& who);

/// A model for inference, without any of training's bookkeeping: batch norms are folded into convolutions, ReLU and
/// residual sums are part of them, weights are packed once. Immutable; all methods may be called by several threads at
/// once.
///
///     const Predictor predictor("best.safetensors");
///     const Tensor scores = predictor.predict(images);  // {n, 224, 224, 3} -> {n, labels}
class Predictor {
public:
    /// `batch`: the number of images a call for which kernels are chosen. Any other number works, too. `precision`:
    /// what is computed in where the model and the kernels let it be (Runtime); precision_of("auto") is bf16 where the
    /// processor multiplies it. runtime() says what it is.

    /// Makes one of a checkpoint, with its averaged weights (EMA) where it holds them, or of a quantized model. Throws
    /// InputError or IoError that names the file.
    explicit Predictor(const std::filesystem::path& checkpoint, std::int64_t batch = 1,
                       Precision precision = Precision::f32);
    /// Makes one of a module as it is now; it is not kept. Throws UsageError if images of spec.image_size do not fit
    /// it.
    Predictor(ModelSpec spec, nn::Module& module, std::int64_t batch = 1, Precision precision = Precision::f32);
    /// Makes one of a graph. Throws UsageError unless it leads from images of the spec to its classes.
    Predictor(ModelSpec spec, graph::Graph graph, std::int64_t batch = 1, Precision precision = Precision::f32);

    const ModelSpec& spec() const { return spec_; }
    const Runtime& runtime() const { return runtime_; }

    /// Returns the logits {n, labels} of normalized images {n, image_size, image_size, channels}. Throws UsageError for
    /// other dims or types, and InputError, which names the image, where its pixels or its logits are NaN or infinite.
    Tensor logits(const Tensor& images) const;
    /// Returns the probabilities {n, labels}: by sigmoid for multi-label models, else by softmax.
    Tensor predict(const Tensor& images) const { return probabilities(spec_, logits(images)); }

    /// Return the same where one image's fault is not to cost the others their answers: `none` gets the images without
    /// one, in order, whose numbers are NaN.
    Tensor logits(const Tensor& images, std::vector<NoAnswer>& none) const;
    Tensor predict(const Tensor& images, std::vector<NoAnswer>& none) const {
        return probabilities(spec_, logits(images, none));
    }

    /// Do the same with the results in memory of the caller's: `dst` {n, labels} of f32, dense. Throw UsageError for
    /// another.
    void logits(const Tensor& images, const Tensor& dst, std::vector<NoAnswer>& none) const;
    void predict(const Tensor& images, const Tensor& dst, std::vector<NoAnswer>& none) const;

private:
    void check(const Tensor& images) const;

    ModelSpec spec_;
    Runtime runtime_;
};

}  // namespace keel
