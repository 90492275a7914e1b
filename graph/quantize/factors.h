// What a convolution of quantized values multiplies and adds, of what the values stand for. docs/quantization.md has
// the formulas.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/ops/conv.h"
#include "graph/ops/quant_conv.h"
#include "graph/quantize/histogram.h"

namespace keel::graph {

/// The extents of weights {oc, ic, taps} and how inputs and outputs are grouped.
struct WeightExtents {
    explicit WeightExtents(const Conv& conv)
        : oc(conv.weights.dim(0)),
          ic(conv.weights.dim(1)),
          taps(conv.weights.dim(2) * conv.weights.dim(3)),
          outputs_of_group(oc / conv.window.groups) {}
    std::int64_t of_output() const { return ic * taps; }
    /// Returns the channel of src that weight i of output o meets.
    std::size_t channel(std::int64_t o, std::int64_t i) const {
        return static_cast<std::size_t>(o / outputs_of_group * ic + i / taps);
    }
    std::int64_t oc, ic, taps, outputs_of_group;
};

/// Weights that are rounded, with the step of each output channel.
struct RoundedWeights {
    Tensor values;  ///< s8
    std::vector<double> step;
};

/// What results and residuals are quantized by.
struct ConvParams {
    std::vector<QuantParams> residual, dst;
};

/// Sets scale, shift and residual_scale of `op` for a convolution that reads step[o] * weights[o] * (q - offset[c]).
void set_factors(const Conv& conv, const RoundedWeights& rounded, const std::vector<double>& offset,
                 const ConvParams& params, QuantConv& op);

/// Returns whether an activation is a ReLU whose upper bound the codes of its result have as well: 255 stands for it or
/// less, to half a step, and sums saturate there.
bool ends_with_codes(const kernels::Activation& activation, std::span<const QuantParams> dst);

}  // namespace keel::graph
