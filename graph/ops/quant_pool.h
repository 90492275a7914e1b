// Pools of quantized values.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/ops/pool.h"

namespace keel::graph {

/// A maximum keeps quantized values as they are read; an average is scaled and shifted, to quantized values or floats.
struct QuantPool {
    static constexpr std::string_view kName = "quant_pool";
    PoolKind kind = PoolKind::max;
    PoolOptions window;  ///< not of an adaptive one
    QuantPrologue prologue;
    std::vector<std::uint8_t> pad;    ///< of each channel, or empty: 0
    std::vector<float> scale, shift;  ///< of averages

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
