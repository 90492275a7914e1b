// One node of an ONNX model as what lowers it sees it: inputs, attributes, and where its results go.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "graph/build/builder.h"
#include "graph/import/codes.h"
#include "graph/import/constant.h"

namespace keel::graph {

/// What QuantizeLinear rounded a tensor to.
struct Rounding {
    std::vector<float> scale;
    std::vector<std::int64_t> zero;
    bool operator==(const Rounding&) const = default;
};

/// A tensor that the images decide: its axes lead through the map of one image, from a pixel and a channel of `value`
/// on. The first axis is the batch: the images, and within each of them the factors that the axis has.
struct View {
    Value value;
    std::int64_t first_pixel = 0, first_channel = 0;
    std::vector<Axis> axes{};
    std::optional<Rounding> rounding{};  ///< none: of floats

    /// Extents of all axes; of the batch that of one image.
    std::vector<std::int64_t> dims() const;
};

using Known = std::variant<View, Constant>;

/// What the nodes before have made, by name, and what is known of the names.
struct Values {
    std::map<std::string, Known> known{};
    std::map<std::string, int> readers{};
    std::int64_t declared_batch = 0;  ///< the number of images that the model's input names; 0: free
    std::int64_t computed = 0;        ///< elements of all constants that nodes have made
    WeightSteps weight_steps{};
};

class NodeScope {
public:
    NodeScope(const onnx::Node& node, std::int64_t opset, Values& values, Builder& builder)
        : node_(node), opset_(opset), values_(values), builder_(builder) {}

    const onnx::Node& node() const { return node_; }
    std::int64_t opset() const { return opset_; }
    Builder& builder() { return builder_; }
    Values& values() { return values_; }
    /// The node's name for people: its own, or that of its first output.
    std::string name() const;

    std::size_t inputs() const { return node_.inputs.size(); }
    bool has(std::size_t i) const { return i < node_.inputs.size() && !node_.inputs[i].empty(); }
    /// All throw InputError where there is no such input, or one of the other kind.
    const Known& input(std::size_t i) const;
    bool is_constant(std::size_t i) const { return has(i) && std::holds_alternative<Constant>(input(i)); }
    const View& view(std::size_t i) const;
    const Constant& constant(std::size_t i) const;
    /// Returns the constant's integers, which must not depend on the number of images.
    std::vector<std::int64_t> integers(std::size_t i) const;
    const std::vector<float>& floats(std::size_t i) const;
    /// The floats of an input of `count`; `otherwise` for each where there is no such input.
    std::vector<float> floats_or(std::size_t i, std::int64_t count, float otherwise) const;

    bool has_attribute(const std::string& key) const { return node_.attributes.contains(key); }
    std::int64_t integer(const std::string& key, std::int64_t otherwise) const;
    float number(const std::string& key, float otherwise) const;
    std::string text(const std::string& key, const std::string& otherwise) const;
    std::vector<std::int64_t> list(const std::string& key) const;  ///< empty: not given
    /// Integers that newer opsets take as an input and older ones as an attribute; none: not given.
    std::optional<std::vector<std::int64_t>> list_or_input(const std::string& key, std::size_t i) const;
    /// Returns an axis in [0, rank). Throws for one that is not.
    std::size_t axis(std::int64_t given, std::size_t rank) const;

    /// Sets output i. Throws InputError where constants that nodes have made come to more than 2^29 elements. What has
    /// several readers is kept: no later operator becomes part of what makes it.
    void output(Known value, std::size_t i = 0);

    /// Throws InputError with what was wanted; the caller adds which node it is of.
    [[noreturn]] void refuse(const std::string& what) const { throw InputError(what); }
    void require(bool condition, const char* wanted) const;

private:
    template <class T>
    const T* attribute(const std::string& key) const;

    const onnx::Node& node_;
    std::int64_t opset_;
    Values& values_;
    Builder& builder_;
};

/// Lowers one node: reads its inputs, adds operators to the graph, sets its outputs.
using Lower = void (*)(NodeScope& node);

struct LowerEntry {
    const char* op;
    Lower lower;
};

}  // namespace keel::graph
