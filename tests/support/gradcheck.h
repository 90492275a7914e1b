// Checks of differentiable operators: their gradients (engine/gradcheck.h), and their float kernels on every
// instruction set of this machine against the double ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/gradcheck.h"

namespace keel::test {

using Operator = gradcheck::Function;

/// An f64 tensor of uniform draws from [low, high) that float can represent, so that both precisions see the same
/// input.
Tensor uniform(const Dims& dims, std::uint64_t seed, double low = -1, double high = 1);
/// Magnitudes from [0.1, 1) with random signs: nothing near the kink of a ReLU.
Tensor away_from_zero(const Dims& dims, std::uint64_t seed);
/// The values 1/elements, 2/elements, ... in random order: differences below 1/(2 elements) leave every maximum where
/// it is.
Tensor distinct(const Dims& dims, std::uint64_t seed);

/// Returns nothing if gradcheck::check passes; else a sentence that names the operator, the input, the element and both
/// values.
std::string gradient_mismatch(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs);

/// How exact float can be: every sum in the operator, forward or backward, has at most `additions` terms whose
/// magnitudes add up to at most `magnitude` for the inputs given and cotangents from [-1, 1].
struct Rounding {
    std::int64_t additions;
    double magnitude;
};

/// Returns nothing if f of the inputs as f32 gives the result and the gradients of f64, to rounding, on every available
/// ISA; else a sentence.
std::string precision_mismatch(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs,
                               const Rounding& rounding);

/// Catch2 checks of the two; a gradient or a result that is wrong fails the test with the sentence.
void check_gradients(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs);
void check_operator(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs,
                    const Rounding& rounding);

}  // namespace keel::test
