// The operators that a graph's file may hold.
#pragma once

#include <span>
#include <string_view>

#include "graph/op.h"

namespace keel::graph {

struct OpKind {
    std::string_view name;
    Op (*blank)();  ///< an operator whose fields are still to be read
};

template <class T>
constexpr OpKind op_kind() {
    return {T::kName, [] { return Op(T{}); }};
}

/// All operators of graph/ops/.
std::span<const OpKind> op_kinds();

}  // namespace keel::graph
