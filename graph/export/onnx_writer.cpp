#include "graph/export/onnx_writer.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "kernels/error.h"

namespace keel::graph {

OnnxWriter::OnnxWriter(const Graph& graph, int opset) : graph_(graph), opset_(opset), pieces_(graph.buffers.size()) {}

void OnnxWriter::begin(const std::string& name) { base_ = name.empty() ? "node" : name; }

std::string OnnxWriter::unique(const std::string& name) {
    if (taken_.insert(name).second) return name;
    for (int i = 1;; ++i)
        if (std::string other = fmt::format("{}_{}", name, i); taken_.insert(other).second) return other;
}

std::string OnnxWriter::add(const std::string& op, Names inputs, Attributes attributes, const std::string& label) {
    onnx::Node& node = model_.nodes.emplace_back();
    node.name = unique(label.empty() ? base_ : base_ + "/" + label);
    node.op = op;
    node.inputs = std::move(inputs);
    node.outputs = {node.name};
    node.attributes = std::move(attributes);
    return node.name;
}

std::string OnnxWriter::constant(const std::string& label, onnx::Array array) {
    const std::string name = unique(base_ + "." + label);
    model_.initializers.emplace(name, std::move(array));
    return name;
}

std::string OnnxWriter::floats(const std::string& label, const std::vector<float>& values, const Ints& dims) {
    return constant(label, {onnx::ElementType::f32, dims, values, {}});
}

std::string OnnxWriter::integers(const std::string& label, const Ints& values) {
    return constant(label, {onnx::ElementType::s64, {std::ssize(values)}, {}, values});
}

std::string OnnxWriter::scalar(const std::string& label, float value) { return floats(label, {value}, {}); }

std::string OnnxWriter::channels(const std::string& label, const std::vector<float>& values, bool flat) {
    return floats(label, values, flat ? Ints{std::ssize(values)} : Ints{std::ssize(values), 1, 1});
}

/// A node that others may want as well: it is added once.
std::string OnnxWriter::cached(const std::string& key, const std::string& op, const Names& inputs,
                               const Attributes& attributes) {
    std::string& made = made_[key];
    if (made.empty()) made = add(op, inputs, attributes, op);
    return made;
}

std::string OnnxWriter::shaped(const Piece& piece, bool flat) {
    std::string tensor = piece.tensor;
    if (piece.c != piece.width) {
        const std::string key = fmt::format("slice {} {} {}", tensor, piece.offset, piece.c);
        std::string& made = made_[key];
        if (made.empty())
            made = add("Slice",
                       {tensor, integers("starts", {piece.offset}), integers("ends", {piece.offset + piece.c}),
                        integers("axes", {1})},
                       {}, "slice");
        tensor = made;
    }
    if (piece.flat == flat) return tensor;
    if (flat) return cached("flat " + tensor, "Flatten", {tensor}, {{"axis", std::int64_t{1}}});
    std::string& made = made_["map " + tensor];
    if (made.empty()) made = add("Unsqueeze", {tensor, integers("axes", {2, 3})}, {}, "unsqueeze");
    return made;
}

std::string OnnxWriter::read(const Value& value, bool flat) {
    std::vector<Piece>& pieces = pieces_[static_cast<std::size_t>(value.buffer)];
    const std::int64_t end = value.first + value.c;
    Names tensors;
    for (Piece piece : pieces) {
        const std::int64_t from = std::max(piece.first, value.first), to = std::min(piece.first + piece.c, end);
        if (from >= to) continue;
        piece.offset += from - piece.first;
        piece.c = to - from;
        tensors.push_back(shaped(piece, flat));
    }
    if (tensors.size() == 1) return tensors.front();
    std::string key = "concat";
    for (const std::string& tensor : tensors) key += " " + tensor;
    return cached(key, "Concat", tensors, {{"axis", std::int64_t{1}}});
}

bool OnnxWriter::is_flat(const Value& value) const {
    const std::vector<Piece>& pieces = pieces_[static_cast<std::size_t>(value.buffer)];
    return std::ranges::any_of(pieces, [&](const Piece& piece) {
        return piece.flat && piece.first <= value.first && piece.first + piece.c >= value.first + value.c;
    });
}

void OnnxWriter::write(const Value& value, const std::string& tensor, bool flat) {
    std::vector<Piece>& pieces = pieces_[static_cast<std::size_t>(value.buffer)];
    const std::int64_t end = value.first + value.c;
    std::vector<Piece> kept;
    for (const Piece& piece : pieces) {
        const std::int64_t after = piece.first + piece.c;
        if (after <= value.first || piece.first >= end) {
            kept.push_back(piece);
            continue;
        }
        if (piece.first < value.first) {
            kept.push_back(piece);
            kept.back().c = value.first - piece.first;
        }
        if (after > end) {
            kept.push_back(piece);
            kept.back().first = end;
            kept.back().offset += end - piece.first;
            kept.back().c = after - end;
        }
    }
    kept.push_back({value.first, value.c, 0, value.c, tensor, flat});
    std::ranges::sort(kept, {}, &Piece::first);
    pieces = std::move(kept);
}

onnx::Model OnnxWriter::finish(const std::string& from, const std::string& output) {
    bool made = false;
    for (onnx::Node& node : model_.nodes) {
        std::ranges::replace(node.inputs, from, output);
        made = made || std::ranges::find(node.outputs, from) != node.outputs.end();
        std::ranges::replace(node.outputs, from, output);
    }
    if (!made) {  // the model's input itself
        base_ = output;
        model_.nodes.push_back({"identity", "Identity", "", {from}, {output}, {}});
    }
    return std::move(model_);
}

}  // namespace keel::graph
