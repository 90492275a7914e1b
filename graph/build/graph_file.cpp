#include "graph/build/graph_file.h"

#include <algorithm>
#include <new>
#include <utility>

#include "engine/json.h"
#include "engine/strict_json.h"

namespace keel {
namespace {

using graph::Value;
using json = Json;

constexpr const char* kKey = "keel.graph";
constexpr int kFormat = 1;
constexpr std::int64_t kMostExtent = 1 << 20, kMostElements = std::int64_t{1} << 32, kMostNodes = 100'000;

json to_json(const Value& value) { return {value.buffer, value.first, value.c}; }

class Writer final : public graph::Archive {
public:
    Writer(json& node, std::string prefix, std::vector<NamedTensor>& tensors)
        : node_(node), prefix_(std::move(prefix)), tensors_(tensors) {}

    void numbers(const std::string& name, std::vector<float>& values) override { list(name, values); }
    void numbers(const std::string& name, std::vector<std::uint8_t>& values) override { list(name, values); }
    void integers(const std::string& name, std::vector<std::int64_t>& values) override {
        if (!values.empty()) node_[name] = values;
    }
    void tensor(const std::string& name, Tensor& tensor, DType) override {
        tensors_.push_back({prefix_ + name, tensor});
    }
    void integer(const std::string& name, int& value) override { node_[name] = value; }
    void integer(const std::string& name, std::uint8_t& value) override { node_[name] = value; }
    void number(const std::string& name, float& value) override { node_[name] = value; }
    void flag(const std::string& name, bool& value) override { node_[name] = value; }
    void word(const std::string& name, int& index, std::span<const char* const> words) override {
        node_[name] = words[static_cast<std::size_t>(index)];
    }
    void slice(const std::string& name, Value& value) override { node_[name] = to_json(value); }

private:
    bool present(const std::string& name, bool here) override {
        if (here) node_[name] = json::array();
        return here;
    }
    template <class T>
    void list(const std::string& name, const std::vector<T>& values) {
        if (!values.empty()) tensors_.push_back({prefix_ + name, Tensor::from<T>(values, {std::ssize(values)})});
    }

    json& node_;
    std::string prefix_;
    std::vector<NamedTensor>& tensors_;
};

Value value_from(const json& from) {
    if (!from.is_array() || from.size() != 3) throw InputError("wanted a slice [buffer, first, count]");
    return {whole_number<int>(from[0]), whole_number<std::int64_t>(from[1]), whole_number<std::int64_t>(from[2])};
}

/// Takes what it reads out of the tensors.
class Reader final : public graph::Archive {
public:
    Reader(const json& node, std::string prefix, std::map<std::string, Tensor>& tensors)
        : node_(node), prefix_(std::move(prefix)), tensors_(tensors) {}

    void numbers(const std::string& name, std::vector<float>& values) override { list(name, values); }
    void numbers(const std::string& name, std::vector<std::uint8_t>& values) override { list(name, values); }
    void integers(const std::string& name, std::vector<std::int64_t>& values) override {
        values.clear();
        if (!node_.contains(name)) return;
        const json& from = node_.at(name);
        if (!from.is_array()) throw InputError("wanted a list " + name);
        for (const json& entry : from) values.push_back(whole_number<std::int64_t>(entry));
    }
    void tensor(const std::string& name, Tensor& tensor, DType type) override {
        const auto taken = tensors_.extract(prefix_ + name);
        if (taken.empty() || taken.mapped().dtype() != type)
            throw InputError("wanted a tensor " + prefix_ + name + " of " + std::string(keel::name(type)));
        tensor = taken.mapped();
    }
    void integer(const std::string& name, int& value) override {
        value = whole_number<int>(node_.at(name));
        if (value < 0 || value > kMostExtent) throw InputError(name + " is out of range");
    }
    void integer(const std::string& name, std::uint8_t& value) override {
        value = whole_number<std::uint8_t>(node_.at(name));
    }
    void number(const std::string& name, float& value) override { value = finite_float(node_.at(name)); }
    void flag(const std::string& name, bool& value) override { node_.at(name).get_to(value); }
    void word(const std::string& name, int& index, std::span<const char* const> words) override {
        const auto found = std::ranges::find(words, node_.at(name).get<std::string>());
        if (found == words.end()) throw InputError("an unknown " + name);
        index = static_cast<int>(found - words.begin());
    }
    void slice(const std::string& name, Value& value) override { value = value_from(node_.at(name)); }

private:
    bool present(const std::string& name, bool) override { return node_.contains(name); }
    template <class T>
    void list(const std::string& name, std::vector<T>& values) {
        const auto taken = tensors_.extract(prefix_ + name);
        if (taken.empty()) return;
        const Tensor& tensor = taken.mapped();
        if (tensor.dtype() != dtype_of<T>() || tensor.rank() != 1)
            throw InputError("tensor " + prefix_ + name + " has the wrong type");
        values.assign(tensor.values<T>().begin(), tensor.values<T>().end());
    }

    const json& node_;
    std::string prefix_;
    std::map<std::string, Tensor>& tensors_;
};

std::string prefix_of(std::size_t step, const std::string& name) { return std::to_string(step) + "." + name + "."; }

graph::Buffer buffer_from(const json& from) {
    const graph::Buffer buffer{whole_number<std::int64_t>(from.at("h")), whole_number<std::int64_t>(from.at("w")),
                               whole_number<std::int64_t>(from.at("c")), from.at("codes").get<bool>()};
    for (const std::int64_t extent : {buffer.h, buffer.w, buffer.c})
        if (extent < 1 || extent > kMostExtent) throw InputError("a buffer's extent is out of range");
    if (buffer.elements() > kMostElements) throw InputError("a buffer is too large");
    return buffer;
}

graph::Graph graph_from(const json& from, std::map<std::string, Tensor>& tensors,
                        std::span<const graph::OpKind> kinds) {
    if (whole_number<int>(from.at("format")) != kFormat) throw InputError("the graph is of a newer format");
    graph::Graph graph;
    if (from.at("nodes").size() > kMostNodes || from.at("buffers").size() > kMostNodes)
        throw InputError("the graph is too large");
    for (const json& entry : from.at("buffers")) graph.buffers.push_back(buffer_from(entry));
    graph.src = value_from(from.at("src"));
    graph.dst = value_from(from.at("dst"));
    for (const json& entry : from.at("nodes")) {
        const auto kind = std::ranges::find(kinds, entry.at("op").get<std::string>(), &graph::OpKind::name);
        if (kind == kinds.end()) throw InputError("an unknown operator");
        graph::Node node{entry.at("name").get<std::string>(), value_from(entry.at("src")), value_from(entry.at("dst")),
                         kind->blank()};
        Reader reader(entry, prefix_of(graph.nodes.size(), node.name), tensors);
        node.op.fields(reader);
        graph.nodes.push_back(std::move(node));
    }
    if (!tensors.empty()) throw InputError("tensor " + tensors.begin()->first + " belongs to no layer");
    check(graph);
    return graph;
}

}  // namespace

bool holds_graph(const std::map<std::string, std::string>& metadata) { return metadata.contains(kKey); }

CheckpointState graph_state(const graph::Graph& graph, std::map<std::string, std::string> metadata) {
    CheckpointState state{std::move(metadata), {}};
    json to{{"format", kFormat},
            {"src", to_json(graph.src)},
            {"dst", to_json(graph.dst)},
            {"buffers", json::array()},
            {"nodes", json::array()}};
    for (const graph::Buffer& b : graph.buffers)
        to["buffers"].push_back({{"h", b.h}, {"w", b.w}, {"c", b.c}, {"codes", b.quantized}});
    for (std::size_t step = 0; step < graph.nodes.size(); ++step) {
        graph::Node node = graph.nodes[step];
        json entry{{"name", node.name}, {"op", node.op.name()}, {"src", to_json(node.src)}, {"dst", to_json(node.dst)}};
        Writer writer(entry, prefix_of(step, node.name), state.tensors);
        node.op.fields(writer);
        to["nodes"].push_back(std::move(entry));
    }
    state.metadata[kKey] = json_text(sorted(to));
    return state;
}

void save_graph(const std::filesystem::path& path, const graph::Graph& graph,
                std::map<std::string, std::string> metadata) {
    save_checkpoint(path, graph_state(graph, std::move(metadata)));
}

std::int64_t weight_bytes(const graph::Graph& graph) {
    std::int64_t bytes = 0;
    for (const NamedTensor& entry : graph_state(graph, {}).tensors)
        bytes += entry.tensor.elements() * static_cast<std::int64_t>(size_of(entry.tensor.dtype()));
    return bytes;
}

graph::Graph read_graph(const CheckpointState& state, const std::string& file, std::span<const graph::OpKind> kinds) {
    std::map<std::string, Tensor> tensors;
    for (const NamedTensor& named : state.tensors) tensors.emplace(named.name, named.tensor);
    try {
        return graph_from(parse_json(state.metadata.at(kKey)), tensors, kinds);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& error) {  // of the JSON library, of check(), of geometries
        throw InputError("[checkpoint] " + file + ": its graph is malformed: " + error.what());
    }
}

}  // namespace keel
