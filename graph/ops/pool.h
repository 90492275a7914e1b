// Pools of floats.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/ops.h"
#include "graph/graph.h"
#include "kernels/pool/pool.h"

namespace keel::graph {

class NodeCheck;

enum class PoolKind : std::uint8_t { max, average, adaptive_average };

/// Pools prologue(src); an adaptive one to the extents of dst.
struct Pool {
    static constexpr std::string_view kName = "pool";
    PoolKind kind = PoolKind::max;
    PoolOptions window;  ///< not of an adaptive one
    std::optional<Prologue> prologue;

    void fields(Archive& archive);
    void check(const NodeCheck& node) const;
    void run(const Node& node, const RunMemory& memory) const;
    bool takes_bf16(const Graph& graph, const Node& node) const;
    void quantize(QuantizePass& pass, const Node& node) const;

private:
    /// On maps of T, float or Bf16.
    template <class T>
    void run_on(const Node& node, const RunMemory& memory) const;
};

void fields(Archive& archive, PoolKind& kind, PoolOptions& window);
void check_window(const NodeCheck& node, PoolKind kind, const PoolOptions& window);

/// What a pool's kernels want to know of it.
kernels::PoolGeometry pool_geometry(const RunMemory& memory, const Node& node, const PoolOptions& window);

}  // namespace keel::graph
