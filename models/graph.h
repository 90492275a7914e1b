// What a model computes in evaluation mode, as plain data: buffers, and the operators between them in the order of their running.
// Made from a module by trace() (graph_builder.h): batch norms are folded, what stands around a convolution is part of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/ops.h"

namespace keel::graph {

/// A map of one image, NHWC: h x w pixels, c floats apart.
struct Buffer {
    std::int64_t h, w, c;
    std::int64_t elements() const { return h * w * c; }
    bool operator==(const Buffer&) const = default;
};

/// What an operator reads or writes: channels [first, first + c) of a buffer. The layers of a dense block read ever wider fronts of
/// one buffer and write the next slice of it.
struct Value {
    int buffer;  ///< place in Graph::buffers
    std::int64_t first, c;
    bool operator==(const Value&) const = default;
};

/// src * scale + shift, channel by channel, then max(0, .) if relu.
struct Affine {
    std::vector<float> scale, shift;
    bool relu = false;
};

/// conv(src) + bias + residual, then max(0, .) if relu; with `before` (whose relu is set) conv(before(src)). A linear layer is a
/// convolution with a kernel as large as its map.
struct Conv {
    Tensor weights;  ///< {oc, ic / groups, kh, kw}, plain; those of a batch norm behind are folded in
    std::vector<float> bias;
    Conv2dOptions options;
    std::optional<Affine> before;
    std::optional<Value> residual;  ///< of dst's extents; may be dst itself
    bool relu = false;
};

enum class PoolKind : std::uint8_t { max, average, adaptive_average };

/// Pools src, or before(src); an adaptive one to the extents of dst.
struct Pool {
    PoolKind kind;
    PoolOptions window;  ///< not of an adaptive one
    std::optional<Affine> before;
};

struct Node {
    std::string name;  ///< of the module, dotted
    Value src, dst;
    std::variant<Conv, Pool, Affine> op;
};

struct Graph {
    std::vector<Buffer> buffers;
    std::vector<Node> nodes;
    Value src, dst;  ///< the whole of their buffers

    const Buffer& map(const Value& value) const { return buffers[static_cast<std::size_t>(value.buffer)]; }
};

/// The geometry of a convolution of n images.
kernels::Conv2dGeometry geometry(const Graph& graph, const Node& node, const Conv& conv, std::int64_t n);

/// Throws UsageError, which names the node, unless every slice lies in its buffer, everything read has been written before (or is
/// the graph's src), all extents and numbers of channels fit, and no operator overwrites what it reads, but for the residual.
void check(const Graph& graph);

}  // namespace keel::graph
