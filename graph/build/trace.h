// From modules to a graph: which call of the Builder each layer is.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "engine/nn/layers.h"
#include "graph/build/builder.h"

namespace keel::graph {

class Tracer;

/// A module that is more than a chain of its parts: says how they are connected.
class Traceable {
public:
    virtual ~Traceable() = default;
    virtual Value trace(Tracer& g, Value src) const = 0;
};

/// Adds modules to a graph, under the modules' names. Each call returns where its result is (graph/build/builder.h).
class Tracer {
public:
    /// `root` gives the nodes their names.
    Tracer(nn::Module& root, Builder& builder);
    Builder& builder() { return builder_; }

    /// Any layer of engine/nn/layers.h, or a Traceable. Throws UsageError for another module.
    Value module(const nn::Module& module, const Value& src);

    Value conv(const nn::Conv2d& layer, const Value& src, const std::optional<Value>& dst = {});
    Value linear(const nn::Linear& layer, const Value& src);
    Value norm(const nn::BatchNorm2d& layer, const Value& src);
    Value relu(const Value& src) { return builder_.relu(src); }
    Value add(const Value& a, const Value& b) { return builder_.add("add", a, b); }
    Value adaptive_avg_pool(const Value& src, std::int64_t h, std::int64_t w) {
        return builder_.adaptive_avg_pool(src, h, w);
    }
    void widen(const Value& src, std::int64_t capacity) { builder_.widen(src, capacity); }
    Value room_behind(const Value& src, std::int64_t count) const { return builder_.room_behind(src, count); }

    /// Returns the dotted name of a module below the root; of another, its kind.
    std::string name_of(const nn::Module& module) const;

private:
    Builder& builder_;
    std::unordered_map<const nn::Module*, std::string> names_;
};

/// Returns the model as a graph of images of h x w x c. Throws UsageError where a part of it has none, or the images do
/// not fit it.
Graph trace(nn::Module& model, std::int64_t h, std::int64_t w, std::int64_t c);

}  // namespace keel::graph
