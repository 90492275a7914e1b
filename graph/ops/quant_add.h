// A sum of two maps of quantized values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace keel::graph {

/// src * scale + shift + residual * residual_scale, channel by channel, to the nearest quantized value; with relu at
/// least `zero` (kernels/qadd/qadd.h).
struct QuantAdd {
    static constexpr std::string_view kName = "quant_add";
    static constexpr bool kInPlace = true;
    std::optional<Value> residual;  ///< quantized; of dst's extents; may be dst itself
    std::vector<float> scale, residual_scale, shift;
    bool relu = false;
    std::uint8_t zero = 0;  ///< what stands for 0 in dst, where there is a ReLU

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
