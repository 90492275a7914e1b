// What there is to know about oneDNN without its headers: for tests, doctor and bench.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/conv/conv.h"
#include "kernels/isa.h"

namespace keel::kernels {

/// Names of the implementations that oneDNN chose for training in the layout it prefers, e.g. "jit_1x1:avx2".
struct ConvImplementations {
    std::string forward, backward_data, backward_weights;
};

/// Returns those for a geometry. Compiles nothing.
ConvImplementations conv2d_implementations(const Conv2dGeometry& g);

/// Returns how many convolution primitives this process keeps. They are one for each geometry of a piece, pass, weights
/// layout and use of a bias, and are made once: a steady training step compiles none.
std::int64_t conv2d_primitive_count();

/// Gives back those that no call uses now.
void trim_primitives();

/// Caps the library's instruction set, in place of KEEL_ISA, for the rest of the process; false, and nothing is done,
/// where it has computed already. Not while another thread computes.
bool cap_convolution_library(const Isa& isa);

/// Returns the version of the convolution library and its threading runtime, e.g. "2.6.3 (OpenMP)".
std::string convolution_library();

}  // namespace keel::kernels
