// From modules to a graph. An operator that can become part of the one before or behind it does so when it is added:
// - a batch norm without or with ReLU, a ReLU and a residual behind a convolution, into the convolution;
// - a batch norm with ReLU in front of a convolution or a pool, into the latter's `before`.
#pragma once

#include <string>
#include <unordered_map>

#include "engine/nn/layers.h"
#include "graph/graph.h"

namespace keel::graph {

class Builder;

/// A module that is more than a chain of its parts: says how they are connected.
class Traceable {
public:
    virtual ~Traceable() = default;
    virtual Value trace(Builder& g, Value src) const = 0;
};

/// Adds operators one by one; each returns where its result is. What became part of another operator may have no other reader:
/// finish() refuses a graph where that is not so.
class Builder {
public:
    /// A graph of images of h x w x c; `root` gives the nodes their names.
    Builder(nn::Module& root, std::int64_t h, std::int64_t w, std::int64_t c);
    Value src() const { return graph_.src; }

    /// Any layer of engine/nn/layers.h, or a Traceable. Throws UsageError for another module.
    Value module(const nn::Module& module, const Value& src);

    /// `dst`, if given, is room that was made before.
    Value conv(const nn::Conv2d& conv, const Value& src, const std::optional<Value>& dst = {});
    /// Of the map flattened in PyTorch's order (channel, row, column).
    Value linear(const nn::Linear& linear, const Value& src);
    Value norm(const nn::BatchNorm2d& norm, const Value& src);
    Value relu(const Value& src);
    /// branch + residual, where branch is the convolution added last.
    Value add(const Value& branch, const Value& residual);
    Value max_pool(const nn::Module& module, const PoolOptions& window, const Value& src);
    Value avg_pool(const nn::Module& module, const PoolOptions& window, const Value& src);
    Value adaptive_avg_pool(const Value& src, std::int64_t h, std::int64_t w);

    /// Makes src, a whole buffer, the front of one with `capacity` channels.
    void widen(const Value& src, std::int64_t capacity);
    /// The next `count` channels of the buffer that src is the front of.
    Value room_behind(const Value& src, std::int64_t count) const;

    /// The graph with this result, checked. A residual that nobody reads any more is overwritten by the sum.
    Graph finish(const Value& dst);

private:
    Value new_value(std::int64_t h, std::int64_t w, std::int64_t c);
    Value append(std::string name, const Value& src, const Value& dst, decltype(Node::op) op);
    Value pool(std::string name, PoolKind kind, const PoolOptions& window, const Value& src, std::int64_t h, std::int64_t w);
    Conv* open_conv(const Value& dst);
    Value moved_result();
    Value take_affine(const Value& src, std::optional<Affine>& before);
    std::string name_of(const nn::Module& module) const;

    Graph graph_;
    std::unordered_map<const nn::Module*, std::string> names_;
};

/// The model as a graph of images of h x w x c. Throws UsageError where a part of it has none, or the images do not fit it.
Graph trace(nn::Module& model, std::int64_t h, std::int64_t w, std::int64_t c);

}  // namespace keel::graph
