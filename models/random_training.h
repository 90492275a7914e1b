// The training step that benchmarks time: random images, whatever they cost to load left out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/optimizer.h"
#include "engine/precision.h"
#include "models/registry.h"

namespace keel {

/// Returns n images of size x size pixels, uniform in [-1, 1).
Tensor random_images(std::int64_t n, std::int64_t size, std::int64_t channels, std::uint64_t seed);

/// A model on one batch of random images and labels: forward, cross-entropy, backward, SGD with momentum and weight
/// decay, with maps of a precision.
class RandomTraining {
public:
    RandomTraining(const std::string& model, const ModelOptions& options, std::int64_t batch, std::int64_t image_size,
                   std::uint64_t seed, Precision precision = Precision::f32);
    using Hook = std::function<void()>;
    /// `before` and `after` are called around the backward pass: what sums gradients over ranks.
    void step(const Hook& before = {}, const Hook& after = {}) {
        compute(before, after);
        update();
    }
    /// Run the two parts of a step: forward and backward; the optimizer, and gradients set back.
    void compute(const Hook& before = {}, const Hook& after = {});
    void update();

    const nn::Module& model() const { return *model_; }
    std::vector<NamedTensor> parameters() const { return optimizer_.parameters(); }

private:
    std::uint64_t seed_, steps_ = 0;
    Precision precision_;
    std::unique_ptr<nn::Module> model_;
    Optimizer optimizer_;
    Tensor images_, labels_;
};

}  // namespace keel
