// The gradient check that every differentiable operator ships with: backward against central differences in double
// precision.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace keel::gradcheck {

/// The operator under test, of any number of inputs.
using Function = std::function<Tensor(const std::vector<Tensor>& inputs)>;

/// What a function makes of its inputs, as f64.
struct Outcome {
    Tensor dst;
    std::vector<Tensor> gradients;  ///< of each input; zeros where backward gives none
};

/// Runs the function and backward in `type`, f32 or f64, with a fixed random cotangent from [-1, 1).
Outcome run(const Function& f, const std::vector<Tensor>& inputs, DType type);

/// How near backward comes to the differences, and where it is farthest from them.
struct Report {
    double error = 0;      ///< the largest distance; NaN where a gradient is
    double tolerance = 0;  ///< what truncation and rounding explain
    std::size_t input = 0, element = 0;
    double gradient = 0, difference = 0;  ///< by backward and by central difference, there

    bool passed() const { return error <= tolerance; }
    /// Returns a sentence that says where, what was wanted and what came.
    std::string text() const;
};

/// Compares, for every element of the f64 inputs, backward's gradient of f contracted with the cotangent of run().
/// Inputs and results are of order 1, and no element is nearer than 2^-16 to a point where f has no derivative. Throws
/// UsageError for inputs that are not f64.
Report check(const Function& f, const std::vector<Tensor>& inputs);

}  // namespace keel::gradcheck
