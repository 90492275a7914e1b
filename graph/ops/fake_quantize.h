// The rounding of a quantized value, in floats.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace keel::graph {

class NodeCheck;

/// (clamp(round(src / scale) + zero, low, high) - zero) * scale: ONNX's QuantizeLinear and DequantizeLinear, one after
/// the other, to the bit. The nearest whole number, the even one of two; NaN of a NaN or an infinity.
struct FakeQuantize {
    static constexpr std::string_view kName = "fake_quantize";
    static constexpr bool kInPlace = true;
    std::vector<float> scale;          ///< one, or one of each channel; finite, above 0
    std::vector<std::int64_t> zero;    ///< as many; within [low, high]
    std::int64_t low = 0, high = 255;  ///< within [-2^16, 2^16]

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
