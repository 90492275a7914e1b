#include "graph/graph_file.h"

#include <algorithm>
#include <array>
#include <new>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/strict_json.h"

namespace keel {
namespace {

using graph::Value;
using nlohmann::json;

constexpr const char* kKey = "keel.graph";
constexpr int kFormat = 1;
constexpr std::int64_t kMostExtent = 1 << 20, kMostElements = std::int64_t{1} << 32, kMostNodes = 100'000;
constexpr std::array<const char*, 3> kPools{"max", "average", "adaptive_average"};
constexpr std::array<const char*, 7> kOperators{"conv", "pool", "affine", "quantise", "dequantise", "quant_conv", "quant_pool"};

/// The fields of the operators, once for both directions: Archive is Writer or Reader.
template <class Archive>
void fields(Archive& a, graph::Affine& op, const std::string& prefix = "") {
    a.numbers(prefix + "scale", op.scale);
    a.numbers(prefix + "shift", op.shift);
    a.flag(prefix + "relu", op.relu);
}
template <class Archive>
void fields(Archive& a, Conv2dOptions& o) {
    a.integer("stride", o.stride);
    a.integer("pad", o.pad);
    a.integer("dilation", o.dilation);
    a.integer("groups", o.groups);
}
template <class Archive>
void fields(Archive& a, PoolOptions& o) {
    a.integer("kernel", o.kernel);
    a.integer("stride", o.stride);
    a.integer("pad", o.pad);
}
template <class Archive>
void fields(Archive& a, graph::CodesBefore& before) {
    a.numbers("before.low", before.low);
    a.numbers("before.high", before.high);
    a.numbers("before.scale", before.scale);
    a.numbers("before.shift", before.shift);
}
template <class Archive>
void fields(Archive& a, std::optional<graph::Affine>& before) {
    if (a.optional("before", before)) fields(a, *before, "before.");
}
template <class Archive>
void fields(Archive& a, graph::Conv& op) {
    a.tensor("weights", op.weights, DType::f32);
    a.numbers("bias", op.bias);
    fields(a, op.options);
    fields(a, op.before);
    if (a.optional("residual", op.residual)) a.value("residual", *op.residual);
    a.flag("relu", op.relu);
}
template <class Archive>
void fields(Archive& a, graph::Pool& op) {
    a.kind(op.kind);
    fields(a, op.window);
    fields(a, op.before);
}
template <class Archive>
void fields(Archive& a, graph::Quantise& op) {
    a.numbers("scale", op.scale);
    a.numbers("shift", op.shift);
}
template <class Archive>
void fields(Archive& a, graph::Dequantise& op) {
    a.numbers("scale", op.scale);
    a.numbers("shift", op.shift);
}
template <class Archive>
void fields(Archive& a, graph::QuantConv& op) {
    a.tensor("weights", op.weights, DType::s8);
    a.numbers("scale", op.scale);
    a.numbers("shift", op.shift);
    fields(a, op.options);
    fields(a, op.before);
    a.numbers("pad_codes", op.pad);
    if (a.optional("residual", op.residual)) a.value("residual", *op.residual);
    a.numbers("residual_scale", op.residual_scale);
    a.flag("relu", op.relu);
    a.integer("zero", op.zero);
}
template <class Archive>
void fields(Archive& a, graph::QuantPool& op) {
    a.kind(op.kind);
    fields(a, op.window);
    fields(a, op.before);
    a.numbers("pad_codes", op.pad);
    a.numbers("scale", op.scale);
    a.numbers("shift", op.shift);
}

json to_json(const Value& value) { return {value.buffer, value.first, value.c}; }

class Writer {
public:
    Writer(json& node, std::string prefix, std::vector<NamedTensor>& tensors)
        : node_(node), prefix_(std::move(prefix)), tensors_(tensors) {}

    template <class T>
    void numbers(const std::string& name, std::vector<T>& values) {
        if (!values.empty()) tensors_.push_back({prefix_ + name, Tensor::from<T>(values, {std::ssize(values)})});
    }
    void tensor(const std::string& name, Tensor& tensor, DType) { tensors_.push_back({prefix_ + name, tensor}); }
    template <class T>
    void integer(const std::string& name, T& value) {
        node_[name] = value;
    }
    void flag(const std::string& name, bool& value) { node_[name] = value; }
    void kind(graph::PoolKind& kind) { node_["kind"] = kPools[static_cast<std::size_t>(kind)]; }
    void value(const std::string& name, Value& value) { node_[name] = to_json(value); }
    template <class T>
    bool optional(const std::string& name, std::optional<T>& value) {
        if (value) node_[name] = json::array();
        return value.has_value();
    }

private:
    json& node_;
    std::string prefix_;
    std::vector<NamedTensor>& tensors_;
};

Value value_from(const json& from) {
    if (!from.is_array() || from.size() != 3) throw InputError("wanted a slice [buffer, first, count]");
    return {whole_number<int>(from[0]), whole_number<std::int64_t>(from[1]), whole_number<std::int64_t>(from[2])};
}

/// What it reads it takes out of the tensors.
class Reader {
public:
    Reader(const json& node, std::string prefix, std::map<std::string, Tensor>& tensors)
        : node_(node), prefix_(std::move(prefix)), tensors_(tensors) {}

    template <class T>
    void numbers(const std::string& name, std::vector<T>& values) {
        const auto taken = tensors_.extract(prefix_ + name);
        if (taken.empty()) return;  // check() knows which must be there
        const Tensor& tensor = taken.mapped();
        if (tensor.dtype() != dtype_of<T>() || tensor.rank() != 1)
            throw InputError("tensor " + prefix_ + name + " has the wrong type");
        values.assign(tensor.values<T>().begin(), tensor.values<T>().end());
    }
    void tensor(const std::string& name, Tensor& tensor, DType type) {
        const auto taken = tensors_.extract(prefix_ + name);
        if (taken.empty() || taken.mapped().dtype() != type)
            throw InputError("wanted a tensor " + prefix_ + name + " of " + std::string(keel::name(type)));
        tensor = taken.mapped();
    }
    template <class T>
    void integer(const std::string& name, T& value) {
        value = whole_number<T>(node_.at(name));
        if constexpr (std::is_same_v<T, int>)
            if (value < 0 || value > kMostExtent) throw InputError(name + " is out of range");
    }
    void flag(const std::string& name, bool& value) { node_.at(name).get_to(value); }
    void kind(graph::PoolKind& kind) {
        const auto found = std::ranges::find(kPools, node_.at("kind").get<std::string>());
        if (found == kPools.end()) throw InputError("an unknown kind of pool");
        kind = static_cast<graph::PoolKind>(found - kPools.begin());
    }
    void value(const std::string& name, Value& value) { value = value_from(node_.at(name)); }
    template <class T>
    bool optional(const std::string& name, std::optional<T>& value) {
        if (node_.contains(name)) value.emplace();
        return value.has_value();
    }

private:
    const json& node_;
    std::string prefix_;
    std::map<std::string, Tensor>& tensors_;
};

std::string prefix_of(std::size_t step, const std::string& name) { return std::to_string(step) + "." + name + "."; }

/// An empty operator of the kind at `index` of the variant.
template <std::size_t kI = 0>
decltype(graph::Node::op) blank(std::size_t index) {
    using Operators = decltype(graph::Node::op);
    if constexpr (kI + 1 < std::variant_size_v<Operators>)
        if (index != kI) return blank<kI + 1>(index);
    return std::variant_alternative_t<kI, Operators>{};
}

graph::Graph graph_from(const json& from, std::map<std::string, Tensor>& tensors) {
    if (whole_number<int>(from.at("format")) != kFormat) throw InputError("the graph is of a newer format");
    graph::Graph graph;
    if (from.at("nodes").size() > kMostNodes || from.at("buffers").size() > kMostNodes) throw InputError("the graph is too large");
    for (const json& entry : from.at("buffers")) {
        graph::Buffer buffer{whole_number<std::int64_t>(entry.at("h")), whole_number<std::int64_t>(entry.at("w")),
                             whole_number<std::int64_t>(entry.at("c")), entry.at("codes").get<bool>()};
        for (const std::int64_t extent : {buffer.h, buffer.w, buffer.c})
            if (extent < 1 || extent > kMostExtent) throw InputError("a buffer's extent is out of range");
        if (buffer.elements() > kMostElements) throw InputError("a buffer is too large");
        graph.buffers.push_back(buffer);
    }
    graph.src = value_from(from.at("src"));
    graph.dst = value_from(from.at("dst"));
    for (const json& entry : from.at("nodes")) {
        const auto found = std::ranges::find(kOperators, entry.at("op").get<std::string>());
        if (found == kOperators.end()) throw InputError("an unknown operator");
        graph::Node node{entry.at("name").get<std::string>(), value_from(entry.at("src")), value_from(entry.at("dst")),
                         blank(static_cast<std::size_t>(found - kOperators.begin()))};
        Reader reader(entry, prefix_of(graph.nodes.size(), node.name), tensors);
        std::visit([&](auto& op) { fields(reader, op); }, node.op);
        graph.nodes.push_back(std::move(node));
    }
    if (!tensors.empty()) throw InputError("tensor " + tensors.begin()->first + " belongs to no layer");
    check(graph);
    return graph;
}

}  // namespace

bool holds_graph(const std::map<std::string, std::string>& metadata) { return metadata.contains(kKey); }

void save_graph(const std::filesystem::path& path, const graph::Graph& graph, std::map<std::string, std::string> metadata) {
    CheckpointState state{std::move(metadata), {}};
    json to{{"format", kFormat},
            {"src", to_json(graph.src)},
            {"dst", to_json(graph.dst)},
            {"buffers", json::array()},
            {"nodes", json::array()}};
    for (const graph::Buffer& b : graph.buffers) to["buffers"].push_back({{"h", b.h}, {"w", b.w}, {"c", b.c}, {"codes", b.codes}});
    for (std::size_t step = 0; step < graph.nodes.size(); ++step) {
        graph::Node node = graph.nodes[step];
        json entry{
            {"name", node.name}, {"op", kOperators[node.op.index()]}, {"src", to_json(node.src)}, {"dst", to_json(node.dst)}};
        Writer writer(entry, prefix_of(step, node.name), state.tensors);
        std::visit([&](auto& op) { fields(writer, op); }, node.op);
        to["nodes"].push_back(std::move(entry));
    }
    state.metadata[kKey] = to.dump();
    save_checkpoint(path, state);
}

graph::Graph read_graph(const CheckpointState& state, const std::string& file) {
    std::map<std::string, Tensor> tensors;
    for (const NamedTensor& named : state.tensors) tensors.emplace(named.name, named.tensor);
    try {
        return graph_from(json::parse(state.metadata.at(kKey)), tensors);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& error) {  // of the JSON library, of check(), of geometries
        throw InputError("[checkpoint] " + file + ": its graph is malformed: " + error.what());
    }
}

}  // namespace keel
