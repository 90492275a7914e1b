// A model, not a measurement: the cycles that a convolution takes one core of a node.
#pragma once

#include <cstdint>

#include "engine/speed/node.h"
#include "kernels/routing/conv_division.h"

namespace keel::speed {

enum class Numbers : std::uint8_t { f32, bf16, int8 };

/// Of the whole convolution, on one core.
struct ConvCycles {
    double products = 0;  ///< the inner loops of multiply-adds
    double other = 0;     ///< transforms, packing, what becomes of sums, bookkeeping
    double peak = 0;      ///< what the multiply-adds of the direct sum would take at the published rate
};

/// Counts what the kernels' loops issue, tile by tile, at the node's rates. `team.sinks` as in divide_conv().
ConvCycles conv_cycles(const Node& node, const kernels::Conv2dGeometry& g, kernels::ConvPass pass,
                       const kernels::ConvTeam& team, Numbers numbers);

}  // namespace keel::speed
