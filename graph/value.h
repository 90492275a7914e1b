// What the operators of a graph read and write: buffers, and slices of their channels.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"

namespace keel::graph {

/// A map of one image, NHWC: h x w pixels of c floats, or of c quantized values, a byte each (kernels/quant/quant.h).
struct Buffer {
    std::int64_t h, w, c;
    bool quantized = false;
    bool halves = false;  ///< the floats are bf16: where a graph runs, not in files (graph/bf16_maps.h)

    DType type() const { return quantized ? DType::u8 : halves ? DType::bf16 : DType::f32; }
    std::int64_t elements() const { return h * w * c; }
    std::int64_t bytes() const { return elements() * static_cast<std::int64_t>(size_of(type())); }
    bool operator==(const Buffer&) const = default;
};

/// What an operator reads or writes: channels [first, first + c) of a buffer. The layers of a dense block read ever
/// wider fronts of one buffer and write the next slice of it.
struct Value {
    int buffer;  ///< index in Graph::buffers
    std::int64_t first, c;
    bool operator==(const Value&) const = default;
};

}  // namespace keel::graph
