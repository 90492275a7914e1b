// Where the maps of one run lie.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "graph/memory_plan.h"
#include "graph/runtime.h"
#include "kernels/conv/conv.h"
#include "kernels/quant/quant.h"

namespace keel::graph {

/// What an operator runs on: n images, and a pointer and a pixel distance for each value. The plan's offsets are those
/// of one image; n images take n times as much of everything.
class RunMemory {
public:
    /// All must outlive it. `activations`: n * plan.size bytes.
    RunMemory(const Graph& graph, const MemoryPlan& plan, std::int64_t n, const float* src, float* dst,
              std::uint8_t* activations, std::vector<SpoiledImage>* spoiled)
        : graph_(graph), plan_(plan), n_(n), src_(src), dst_(dst), activations_(activations), spoiled_(spoiled) {}

    const Graph& graph() const { return graph_; }
    std::int64_t n() const { return n_; }
    std::int64_t ld(const Value& value) const { return graph_.map(value).c; }
    std::int64_t pixels(const Value& value) const { return n_ * graph_.map(value).h * graph_.map(value).w; }
    bool quantized(const Value& value) const { return graph_.map(value).quantized; }

    /// Returns where a value of floats lies, to be read or to be written.
    kernels::ConstMap from(const Value& value) const { return {buffer<const float>(value) + value.first, ld(value)}; }
    kernels::Map to(const Value& value) const { return {buffer<float>(value) + value.first, ld(value)}; }
    /// Returns where a quantized value lies.
    kernels::ConstQuantizedMap quantized_from(const Value& value) const {
        return {buffer<const std::uint8_t>(value) + value.first, ld(value)};
    }
    kernels::QuantizedMap quantized_to(const Value& value) const {
        return {buffer<std::uint8_t>(value) + value.first, ld(value)};
    }

    /// Notes that a node read NaN or infinity of an image where it was to make quantized values; the first node counts.
    void spoil(const Node& node, std::int64_t image) const {
        if (std::ranges::find(*spoiled_, image, &SpoiledImage::image) == spoiled_->end())
            spoiled_->push_back({image, node.name});
    }

    /// Returns the first float or byte of a value, whatever it holds.
    void* first(const Value& value) const {
        return quantized(value) ? static_cast<void*>(quantized_to(value).data) : static_cast<void*>(to(value).floats());
    }

private:
    /// Returns the buffer of a value; the graph's src is only read.
    template <class T>
    T* buffer(const Value& value) const {
        if (value.buffer == graph_.src.buffer) return reinterpret_cast<T*>(const_cast<float*>(src_));
        if (value.buffer == graph_.dst.buffer) return reinterpret_cast<T*>(dst_);
        return reinterpret_cast<T*>(activations_ + n_ * plan_.offsets[static_cast<std::size_t>(value.buffer)]);
    }

    const Graph& graph_;
    const MemoryPlan& plan_;
    std::int64_t n_;
    const float* src_;
    float* dst_;
    std::uint8_t* activations_;
    std::vector<SpoiledImage>* spoiled_;
};

}  // namespace keel::graph
