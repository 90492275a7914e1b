// From floats to quantized values and back.
#pragma once

#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace keel::graph {

/// Floats to quantized values: dst = src * scale + shift, channel by channel, to the nearest. An image with NaN or
/// infinity is spoiled (RunMemory::spoil()).
struct Quantize {
    static constexpr std::string_view kName = "quantise";
    std::vector<float> scale, shift;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;

private:
    bool stands_for_all(const float* src, std::int64_t pixels, std::int64_t ld) const;
};

/// Quantized values to floats: dst = src * scale + shift, channel by channel.
struct Dequantize {
    static constexpr std::string_view kName = "dequantise";
    std::vector<float> scale, shift;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
