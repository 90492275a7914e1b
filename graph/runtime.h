// Runs a graph, of floats or of codes.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernels/qconv/qconv.h"
#include "graph/graph.h"
#include "graph/memory_plan.h"
#include "kernels/routing/prepared.h"

namespace keel {

/// Sees a run node by node: what a node is about to read, and what it has made, which it may change. `first` is the first float or
/// code, pixels are `ld` apart.
struct Watch {
    std::function<void(std::size_t step, const void* first, std::int64_t ld)> before;  ///< may be null, as may:
    std::function<void(std::size_t step, void* first, std::int64_t ld)> after;
};

/// Immutable once made, but for set_shift(): any number of threads may run it at once. A run's activations are one block of the
/// arena, which the next run gets again.
class Runtime {
public:
    /// Packs the weights, for the kernels that serve `batch` images at once best on the active ISA, and drops the graph's. The
    /// graph passes check().
    Runtime(graph::Graph graph, std::int64_t batch);

    const graph::Graph& graph() const { return graph_; }
    /// Bytes of activations an image.
    std::int64_t activations() const { return plan_.size; }

    /// `n` images, dense; dst is dense, too.
    void run(std::int64_t n, const float* src, float* dst, const Watch& watch = {}) const;

    /// Replaces the shift of node `step`, a QuantConv. Not while another thread runs it.
    void set_shift(std::size_t step, std::vector<float> shift);

private:
    struct Memory;
    void prepare(const graph::Node& node, graph::Conv& conv, std::int64_t batch);
    void prepare(const graph::Node& node, graph::QuantConv& conv, std::int64_t batch);
    void run(const graph::Node& node, const graph::Conv& conv, std::size_t step, const Memory& memory) const;
    void run(const graph::Node& node, const graph::Pool& pool, std::size_t step, const Memory& memory) const;
    void run(const graph::Node& node, const graph::Affine& affine, std::size_t step, const Memory& memory) const;
    void run(const graph::Node& node, const graph::Quantise& op, std::size_t step, const Memory& memory) const;
    void run(const graph::Node& node, const graph::Dequantise& op, std::size_t step, const Memory& memory) const;
    void run(const graph::Node& node, const graph::QuantConv& conv, std::size_t step, const Memory& memory) const;
    void run(const graph::Node& node, const graph::QuantPool& pool, std::size_t step, const Memory& memory) const;

    /// A node's convolution and its packed weights; all null where it is none.
    struct Prepared {
        std::unique_ptr<const kernels::PreparedConv> conv;
        std::unique_ptr<const kernels::Qconv> qconv;
        Tensor weights;  ///< f32, or u8
    };

    static std::byte* packed(const Prepared& p);

    graph::Graph graph_;
    MemoryPlan plan_;
    std::vector<Prepared> prepared_;  ///< of each node
};

}  // namespace keel
