// What there is to know about oneDNN without its headers: for tests, doctor and bench.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/conv/conv.h"

namespace keel::kernels {

/// Names of the implementations that oneDNN chose for training in the layout it prefers, e.g. "jit_1x1:avx2".
struct ConvImplementations {
    std::string forward, backward_data, backward_weights;
};

/// Returns those for a geometry. Compiles nothing.
ConvImplementations conv2d_implementations(const Conv2dGeometry& g);

/// Returns how many convolution primitives this process has compiled. They are kept, one for each geometry, pass,
/// weights layout, use of a bias and number of threads, until the process ends: a steady training step compiles none.
std::int64_t conv2d_primitive_count();

/// Returns the version of the convolution library and its threading runtime, e.g. "2.6.3 (OpenMP)".
std::string convolution_library();

}  // namespace keel::kernels
