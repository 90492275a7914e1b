// How a convolution or an average pool reads quantized values, and what these then stand for.
#pragma once

#include <vector>

#include "graph/prologue.h"
#include "graph/quantize/quantize_graph.h"

namespace keel {

/// x = factor[c] * (q - offset[c]), for q after the prologue.
struct QuantReading {
    std::vector<double> factor, offset;
    graph::QuantPrologue prologue{};
    Arithmetic arithmetic = Arithmetic::int8;
};

/// Reads values as they are.
QuantReading read_plain(const std::vector<QuantParams>& src);

/// Reads max(0, affine) by a clamp, which leaves a slope of the affine to the factor.
QuantReading read_clamped(const std::vector<QuantParams>& src, const graph::Prologue& affine);

/// Reads max(0, affine) as values of the parameters `dst`.
QuantReading read_requantized(const std::vector<QuantParams>& src, const graph::Prologue& affine,
                              const std::vector<QuantParams>& dst);

}  // namespace keel
