// Builds a graph, operator by operator, of tensors and plain options. An operator that can become part of the one
// before or after it does so when it is added:
// - a batch norm without or with ReLU, a ReLU, another activation and a residual after a convolution, into the
//   convolution;
// - a batch norm with ReLU in front of a convolution or a pool, into the latter's prologue.
// A mean over windows after a 1x1 convolution becomes one before it.
#pragma once

#include <concepts>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops.h"
#include "graph/graph.h"
#include "graph/ops/conv.h"
#include "graph/ops/pool.h"

namespace keel::graph {

struct Affine;

/// Adds operators one by one; each returns where its result is, and `name` is the node's, for people. What became part
/// of another operator may have no other reader: finish() refuses a graph where that is not so. Tensors are f32;
/// weights are taken over, not copied, where they are plain. All throw UsageError for what does not fit.
class Builder {
public:
    /// Begins a graph of images of h x w x c.
    Builder(std::int64_t h, std::int64_t w, std::int64_t c);
    Value src() const { return graph_.src; }
    const Buffer& map(const Value& value) const { return graph_.map(value); }

    /// Adds conv2d (engine/ops.h) with weights {oc, ic / groups, kh, kw} and a bias {oc}, which
    /// may be undefined. `dst`, if given, is room that was made before.
    Value conv(std::string name, const Value& src, const Tensor& weights, const Tensor& bias,
               const Conv2dOptions& options, const std::optional<Value>& dst = {}) {
        return windowed(std::move(name), src, weights, bias, options, dst);
    }
    /// Likewise with a window whose sides or axes may differ. A template, so that braces are options.
    template <std::same_as<ConvWindow> Window>
    Value conv(std::string name, const Value& src, const Tensor& weights, const Tensor& bias, const Window& window,
               const std::optional<Value>& dst = {}) {
        return windowed(std::move(name), src, weights, bias, window, dst);
    }
    /// Adds the map flattened in PyTorch's order (channel, row, column), times weights {out, c * h * w} transposed,
    /// plus bias {out}, which may be undefined.
    Value linear(std::string name, const Value& src, const Tensor& weights, const Tensor& bias);
    /// Adds a batch norm with its running statistics.
    Value batch_norm(std::string name, const Value& src, const BatchNormParameters& norm, double eps, bool relu);
    /// Adds src * scale + shift, channel by channel, in double where it is folded; then max(0, .) if `with_relu`.
    Value affine(std::string name, const Value& src, const std::vector<double>& scale, const std::vector<double>& shift,
                 bool with_relu);
    Value relu(const Value& src);
    /// Adds a function of each number; into the convolution that was added last and has none yet. Of a clip, bounds
    /// that are infinite become the largest floats, or fall away with the clip (both) or make it a ReLU (0 and
    /// infinity).
    Value activation(std::string name, const Value& src, const kernels::Activation& activation);
    /// Adds a + b. Where a or b is the convolution added last, the other becomes its residual.
    Value add(std::string name, const Value& a, const Value& b);
    /// A map too small for the window passes as it is.
    Value max_pool(std::string name, const Value& src, const PoolOptions& window);
    Value avg_pool(std::string name, const Value& src, const PoolOptions& window);
    Value adaptive_avg_pool(const Value& src, std::int64_t h, std::int64_t w);
    /// Adds any operator, with a result of h x w x c.
    Value append(std::string name, const Value& src, std::int64_t h, std::int64_t w, std::int64_t c, Op op);
    /// Says that a value has several readers: what makes it stays as it is, and takes nothing in.
    void keep(const Value& value) { kept_.insert(value.buffer); }

    /// Makes room for a map that several operators write slices of.
    Value reserve(std::int64_t h, std::int64_t w, std::int64_t c) { return new_value(h, w, c); }
    /// Adds any operator whose result is written to room that was made before.
    void write(std::string name, const Value& src, const Value& dst, Op op);

    /// Makes src, a whole buffer, the front of one with `capacity` channels.
    void widen(const Value& src, std::int64_t capacity);
    /// Returns the next `count` channels of the buffer that src is the front of.
    Value room_behind(const Value& src, std::int64_t count) const;

    /// Returns the graph with this result, checked. A residual that nobody reads any more is overwritten by the sum.
    Graph finish(const Value& dst);

private:
    Value new_value(std::int64_t h, std::int64_t w, std::int64_t c);
    Value push(std::string name, const Value& src, const Value& dst, Op op);
    Value pool(std::string name, PoolKind kind, const PoolOptions& window, const Value& src, std::int64_t h,
               std::int64_t w, std::optional<Prologue> prologue = {});
    struct Pointwise {
        std::string name;
        Value src;
        Conv op;
    };
    std::optional<Pointwise> take_pointwise(const Value& src);
    Value windowed(std::string name, const Value& src, const Tensor& weights, const Tensor& bias,
                   const ConvWindow& window, const std::optional<Value>& dst);
    Conv* open_conv(const Value& dst);
    Affine* open_affine(const Value& dst);
    Value moved_result();
    Value take_affine(const Value& src, std::optional<Prologue>& prologue);
    bool kept(const Value& value) const { return kept_.contains(value.buffer); }

    Graph graph_;
    std::set<int> kept_;  ///< buffers
};

}  // namespace keel::graph
