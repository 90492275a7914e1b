// Where the maps of one run lie.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "graph/memory_plan.h"
#include "graph/runtime.h"
#include "kernels/bf16.h"
#include "kernels/conv/conv.h"
#include "kernels/quant/quant.h"

namespace keel::graph {

/// Calls f with a value of what a map of floats holds, float or Bf16.
template <class F>
void with_elements(DType type, F&& f) {
    if (type == DType::bf16)
        f(Bf16{});
    else
        f(float{});
}

/// What an operator runs on: n images, and a pointer and a pixel distance for each value. The plan's offsets are those
/// of one image; n images take n times as much of everything.
class RunMemory {
public:
    /// `buffers`: where the map of each buffer begins; the graph's src is only read. All but these must outlive it.
    RunMemory(const Graph& graph, std::int64_t n, std::vector<std::byte*> buffers, std::vector<SpoiledImage>* spoiled)
        : graph_(graph), n_(n), buffers_(std::move(buffers)), spoiled_(spoiled) {}
    /// As a plan says. `activations`: n * plan.size bytes.
    RunMemory(const Graph& graph, const MemoryPlan& plan, std::int64_t n, const float* src, float* dst,
              std::uint8_t* activations, std::vector<SpoiledImage>* spoiled)
        : RunMemory(graph, n, {}, spoiled) {
        for (const std::int64_t offset : plan.offsets)
            buffers_.push_back(reinterpret_cast<std::byte*>(activations + n * offset));
        at(graph.dst) = reinterpret_cast<std::byte*>(dst);
        at(graph.src) = reinterpret_cast<std::byte*>(const_cast<float*>(src));
    }

    const Graph& graph() const { return graph_; }
    std::int64_t n() const { return n_; }
    std::int64_t ld(const Value& value) const { return graph_.map(value).c; }
    std::int64_t pixels(const Value& value) const { return n_ * graph_.map(value).h * graph_.map(value).w; }
    bool quantized(const Value& value) const { return graph_.map(value).quantized; }
    bool halves(const Value& value) const { return graph_.map(value).halves; }

    /// Returns where a value of floats lies, to be read or to be written.
    kernels::ConstMap from(const Value& value) const { return {first(value), ld(value), graph_.map(value).type()}; }
    kernels::Map to(const Value& value) const { return {first(value), ld(value), graph_.map(value).type()}; }
    /// Returns where a quantized value lies.
    kernels::ConstQuantizedMap quantized_from(const Value& value) const {
        return {static_cast<const std::uint8_t*>(first(value)), ld(value)};
    }
    kernels::QuantizedMap quantized_to(const Value& value) const {
        return {static_cast<std::uint8_t*>(first(value)), ld(value)};
    }

    /// Notes that a node read NaN or infinity of an image where it was to make quantized values; the first node counts.
    void spoil(const Node& node, std::int64_t image) const {
        if (std::ranges::find(*spoiled_, image, &SpoiledImage::image) == spoiled_->end())
            spoiled_->push_back({image, node.name});
    }

    /// Returns the first element of a value, whatever it holds; the graph's src is only read. The second: of image
    /// `index`.
    void* first(const Value& value) const { return first(value, 0); }
    void* first(const Value& value, std::int64_t image) const {
        const Buffer& map = graph_.map(value);
        return buffers_[static_cast<std::size_t>(value.buffer)] + image * map.bytes() +
               value.first * static_cast<std::int64_t>(size_of(map.type()));
    }

private:
    std::byte*& at(const Value& value) { return buffers_[static_cast<std::size_t>(value.buffer)]; }

    const Graph& graph_;
    std::int64_t n_;
    std::vector<std::byte*> buffers_;
    std::vector<SpoiledImage>* spoiled_;
};

}  // namespace keel::graph
