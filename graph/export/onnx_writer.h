// Nodes and constants of an ONNX model while a graph is written as one, and which of its tensors hold what.
//
// A graph's operators read and write slices of buffers, NHWC; the tensors of a model are values that never change,
// NCHW. The writer knows for each buffer which tensors its channels lie in now: a slice that is one of them is that
// tensor, one that is several becomes their Concat, a part of one a Slice.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/onnx/model.h"

namespace keel::graph {

using Names = std::vector<std::string>;
using Attributes = std::map<std::string, onnx::Attribute>;
using Ints = std::vector<std::int64_t>;

class OnnxWriter {
public:
    OnnxWriter(const Graph& graph, int opset);

    const Graph& graph() const { return graph_; }
    int opset() const { return opset_; }

    /// Begins a node of the graph: what is added from now on is called after it.
    void begin(const std::string& name);

    /// Returns the tensor that holds a slice: {batch, c, h, w}.
    std::string read(const Value& value) { return read(value, false); }
    /// Likewise of one pixel: {batch, c}.
    std::string read_flat(const Value& value) { return read(value, true); }
    /// Whether a slice is one tensor, and that is flat.
    bool is_flat(const Value& value) const;
    /// Says that a slice is held by `tensor` from now on.
    void write(const Value& value, const std::string& tensor, bool flat = false);

    /// Adds a node and returns its only output. Where `label` is empty, both are called after the graph's node, else
    /// with the label behind.
    std::string add(const std::string& op, Names inputs, Attributes attributes = {}, const std::string& label = {});
    /// Adds a constant, called after the graph's node with the label behind, and returns its name.
    std::string constant(const std::string& label, onnx::Array array);
    std::string floats(const std::string& label, const std::vector<float>& values, const Ints& dims);
    std::string integers(const std::string& label, const Ints& values);
    std::string scalar(const std::string& label, float value);
    /// A number of each channel, of maps or of flat tensors.
    std::string channels(const std::string& label, const std::vector<float>& values, bool flat = false);

    /// Gives the tensor `from` the name of the model's output, and returns all.
    onnx::Model finish(const std::string& from, const std::string& output);
    /// Takes a name for a tensor that is not made by add().
    void reserve(const std::string& name) { taken_.insert(name); }

private:
    /// Channels [first, first + c) of a buffer are those from `offset` on of a tensor that has `width`.
    struct Piece {
        std::int64_t first, c, offset, width;
        std::string tensor;
        bool flat;
    };

    std::string read(const Value& value, bool flat);
    std::string shaped(const Piece& piece, bool flat);
    std::string cached(const std::string& key, const std::string& op, const Names& inputs,
                       const Attributes& attributes);
    std::string unique(const std::string& name);

    const Graph& graph_;
    int opset_;
    std::string base_{};
    std::vector<std::vector<Piece>> pieces_;  ///< of each buffer, by their first channel
    std::map<std::string, std::string> made_{};
    std::set<std::string> taken_{};
    onnx::Model model_{};
};

}  // namespace keel::graph
