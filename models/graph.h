// What a model computes in evaluation mode, as plain data: buffers, and the operators between them in the order of their running.
// Made from a module by trace() (graph_builder.h): batch norms are folded, what stands around a convolution is part of it.
// quantise() (quantise/quantise.h) turns buffers of floats into codes, and operators on them into those of the second half here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/ops.h"
#include "kernels/quant/quant.h"

namespace keel::graph {

/// A map of one image, NHWC: h x w pixels of c floats, or of c codes (kernels/quant/quant.h).
struct Buffer {
    std::int64_t h, w, c;
    bool codes = false;
    std::int64_t elements() const { return h * w * c; }
    std::int64_t bytes() const { return elements() * static_cast<std::int64_t>(codes ? sizeof(std::uint8_t) : sizeof(float)); }
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

/// Floats to codes: dst = src * scale + shift, channel by channel, to the nearest code.
struct Quantise {
    std::vector<float> scale, shift;
};

/// Codes to floats: dst = src * scale + shift, channel by channel.
struct Dequantise {
    std::vector<float> scale, shift;
};

/// What codes go through as an operator reads them, channel by channel (kernels::QuantBefore): a clamp, an affine, or nothing.
struct CodesBefore {
    std::vector<std::uint8_t> low, high;
    std::vector<float> scale, shift;
    bool operator==(const CodesBefore&) const = default;
    kernels::QuantBefore view() const;
};

/// A convolution of codes (kernels/qconv/qconv.h); dst holds codes or floats.
struct QuantConv {
    Tensor weights;  ///< s8 {oc, ic / groups, kh, kw}, plain
    Conv2dOptions options;
    std::vector<float> scale, shift;
    CodesBefore before;
    std::vector<std::uint8_t> pad;      ///< of each channel of src, or empty: 0
    std::optional<Value> residual;      ///< codes; of dst's extents; may be dst itself
    std::vector<float> residual_scale;  ///< of each channel, or empty
    bool relu = false;
    std::uint8_t zero = 0;  ///< what 0 is among the codes of dst, where there is a ReLU
};

/// A pool of codes. A maximum keeps them as they are read; an average is scaled and shifted, to codes or floats.
struct QuantPool {
    PoolKind kind;
    PoolOptions window;  ///< not of an adaptive one
    CodesBefore before;
    std::vector<std::uint8_t> pad;    ///< of each channel, or empty: 0
    std::vector<float> scale, shift;  ///< of averages
};

struct Node {
    std::string name;  ///< of the module, dotted
    Value src, dst;
    std::variant<Conv, Pool, Affine, Quantise, Dequantise, QuantConv, QuantPool> op;
};

/// What a convolution adds to its result; null where that is nothing, or the node no convolution.
const Value* residual_of(const Node& node);
Value* residual_of(Node& node);

struct Graph {
    std::vector<Buffer> buffers;
    std::vector<Node> nodes;
    Value src, dst;  ///< the whole of their buffers

    const Buffer& map(const Value& value) const { return buffers[static_cast<std::size_t>(value.buffer)]; }
};

/// The geometry of a convolution of n images.
kernels::Conv2dGeometry geometry(const Graph& graph, const Node& node, const Conv& conv, std::int64_t n);
kernels::Conv2dGeometry geometry(const Graph& graph, const Node& node, const QuantConv& conv, std::int64_t n);

/// Whether a convolution sums products of floats, in an order that is each ISA's own. All else gives the same bits on
/// every ISA, so that a graph without one does.
bool multiplies_floats(const Graph& graph);

/// Throws UsageError, which names the node, unless every slice lies in its buffer, everything read has been written before (or is
/// the graph's src), all extents, numbers of channels and kinds of buffers fit, factors are finite, and no operator overwrites what
/// it reads, but for the residual.
void check(const Graph& graph);

}  // namespace keel::graph
