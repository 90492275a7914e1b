// Arithmetic of two maps, or of a map and constants, with broadcasts.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "kernels/binary/binary.h"

namespace keel::graph {

class NodeCheck;

/// dst = src KIND other, or other KIND src if `swapped`. dst has the extents of src. `other` is either the operand, of
/// which each of h, w and c is that of src or 1, or the constant: 1 number, one of each channel (src.c), or one of each
/// element of an image (src.h * src.w * src.c).
struct Binary {
    static constexpr std::string_view kName = "binary";
    static constexpr bool kInPlace = true;
    kernels::BinaryKind kind = kernels::BinaryKind::add;
    bool swapped = false;
    std::optional<Value> operand;
    std::vector<float> constant;  ///< empty where there is an operand

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
};

}  // namespace keel::graph
