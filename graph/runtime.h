// Runs a graph, of floats, f32 or bf16, or quantized.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/precision.h"
#include "graph/graph.h"
#include "graph/memory_plan.h"

namespace keel {

/// Sees a run node by node: what a node is about to read, and what it has made, which it may change. `first` is the
/// first element, of the type that the node's map in Runtime::graph() has; pixels are `ld` apart.
struct Watch {
    std::function<void(std::size_t step, const void* first, std::int64_t ld)> before;  ///< may be null, as may:
    std::function<void(std::size_t step, void* first, std::int64_t ld)> after;
};

/// An image of a run some of whose values were NaN or infinite where they were to become quantized values, and the
/// node that read them.
struct SpoiledImage {
    std::int64_t image;
    std::string node;
};

/// Immutable once made, but for set_shift(): any number of threads may run it at once. A run's activations are one
/// block of the arena, which the next run gets again.
class Runtime {
public:
    /// Packs the weights, for the kernels that serve `batch` images at once best on the active ISA, and drops the
    /// graph's. The graph passes check(). With bf16 the maps between its first and its last convolution are of bf16
    /// where kernels take them (graph/bf16_maps.h), so that its map types change; what the caller gives and gets is
    /// f32.
    Runtime(graph::Graph graph, std::int64_t batch, Precision precision = Precision::f32);

    const graph::Graph& graph() const { return graph_; }
    /// Returns what it runs in: bf16 where some convolution does.
    Precision precision() const { return in_f32_.has_value() ? Precision::bf16 : Precision::f32; }
    /// Returns why it runs in f32 though bf16 was asked for, for people; empty where that is not so.
    const std::string& refusal() const { return refusal_; }
    /// Returns the names of the nodes that compute in f32 beside those that compute in bf16, in their order.
    std::vector<std::string> in_f32() const { return in_f32_.value_or(std::vector<std::string>{}); }
    /// Returns the bytes of activations of one image.
    std::int64_t activations() const { return plan_.size; }

    /// Runs `n` images {n, h, w, c}, dense; dst is dense, too. An image does not see the others. NaN and infinity stay
    /// what they are on their way through floats; no quantized value stands for them: `spoiled` gets the images where
    /// one comes there, in order, and their results are NaN. Throws InputError, which names the first of them and the
    /// node, where `spoiled` is null; dst holds the results then as well.
    void run(std::int64_t n, const float* src, float* dst, const Watch& watch = {},
             std::vector<SpoiledImage>* spoiled = nullptr) const;

    /// Replaces the shift of node `step`, a quantized convolution. Not while another thread runs it. Throws UsageError
    /// for another node or another number of channels.
    void set_shift(std::size_t step, const std::vector<float>& shift);

private:
    graph::Graph graph_;
    MemoryPlan plan_;
    std::vector<std::unique_ptr<graph::Step>> steps_;  ///< of each node
    std::string refusal_;
    std::optional<std::vector<std::string>> in_f32_;  ///< where some nodes run in bf16
};

}  // namespace keel
