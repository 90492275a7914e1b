// Runs a graph, of floats or quantized.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "graph/graph.h"
#include "graph/memory_plan.h"

namespace keel {

/// Sees a run node by node: what a node is about to read, and what it has made, which it may change. `first` is the
/// first float or quantized value, pixels are `ld` apart.
struct Watch {
    std::function<void(std::size_t step, const void* first, std::int64_t ld)> before;  ///< may be null, as may:
    std::function<void(std::size_t step, void* first, std::int64_t ld)> after;
};

/// Immutable once made, but for set_shift(): any number of threads may run it at once. A run's activations are one
/// block of the arena, which the next run gets again.
class Runtime {
public:
    /// Packs the weights, for the kernels that serve `batch` images at once best on the active ISA, and drops the
    /// graph's. The graph passes check().
    Runtime(graph::Graph graph, std::int64_t batch);

    const graph::Graph& graph() const { return graph_; }
    /// Returns the bytes of activations of one image.
    std::int64_t activations() const { return plan_.size; }

    /// Runs `n` images {n, h, w, c}, dense; dst is dense, too.
    void run(std::int64_t n, const float* src, float* dst, const Watch& watch = {}) const;

    /// Replaces the shift of node `step`, a quantized convolution. Not while another thread runs it. Throws UsageError
    /// for another node or another number of channels.
    void set_shift(std::size_t step, const std::vector<float>& shift);

private:
    graph::Graph graph_;
    MemoryPlan plan_;
    std::vector<std::unique_ptr<graph::Step>> steps_;  ///< of each node
};

}  // namespace keel
