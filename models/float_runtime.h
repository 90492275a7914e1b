// Runs a graph in fp32.
#pragma once

#include <memory>
#include <vector>

#include "kernels/conv/prepared.h"
#include "models/graph.h"
#include "models/memory_plan.h"

namespace keel {

/// Immutable once made: any number of threads may run it at once. A run's activations are one block of the arena, which the next
/// run gets again.
class FloatRuntime {
public:
    /// Packs the weights, for the kernels that serve `batch` images at once best, and drops the graph's. The graph is one of
    /// trace().
    FloatRuntime(graph::Graph graph, std::int64_t batch);

    const graph::Graph& graph() const { return graph_; }
    /// Floats of activations an image.
    std::int64_t activations() const { return plan_.size; }

    /// `n` images, dense; dst is dense, too.
    void run(std::int64_t n, const float* src, float* dst) const;

private:
    struct Memory;
    void run(const graph::Node& node, const graph::Conv& conv, std::size_t step, const Memory& memory) const;
    void run(const graph::Node& node, const graph::Pool& pool, std::size_t step, const Memory& memory) const;
    void run(const graph::Node& node, const graph::Affine& affine, std::size_t step, const Memory& memory) const;

    graph::Graph graph_;
    MemoryPlan plan_;
    std::vector<std::unique_ptr<const kernels::PreparedConv>> convs_;  ///< of each node; null where it is none
    std::vector<Tensor> weights_;                                      ///< packed, of each node
};

}  // namespace keel
