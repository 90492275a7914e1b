#include "graph/check.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "kernels/error.h"
#include "kernels/reduce/reduce.h"

namespace keel::graph {
namespace {

[[noreturn]] void refuse(const std::string& who, const std::string& what) {
    throw UsageError("[graph] " + who + ": " + what);
}

bool overlap(const Value& a, const Value& b) { return a.first < b.first + b.c && b.first < a.first + a.c; }

/// Checks one node after the other, with what the ones before have written.
class GraphCheck {
public:
    GraphCheck(const Graph& graph, bool numbers) : graph_(graph), numbers_(numbers) {
        for (const Buffer& buffer : graph.buffers) {
            if (buffer.h < 1 || buffer.w < 1 || buffer.c < 1) refuse("graph", "an empty buffer");
            written_.emplace_back(static_cast<std::size_t>(buffer.c));
        }
        require_whole(graph.src);
        require_whole(graph.dst);
        write("graph", graph.src);
    }

    void check(const Node& node) {
        for_each_read(node, [&](const Value& value, std::string_view) { read(node.name, value); });
        require_inside(node.name, node.dst);
        for_each_read(node, [&](const Value& value, std::string_view role) {
            const bool may = role == "residual" || (role.empty() && node.op.in_place() && value == node.dst);
            if (!may && value.buffer == node.dst.buffer && overlap(value, node.dst))
                refuse(node.name, "a node that overwrites its " + std::string(role.empty() ? "src" : role));
        });
        node.op.check(NodeCheck(graph_, node, numbers_));
        write(node.name, node.dst);
    }

    void finish() const { read("graph", graph_.dst); }

private:
    void require_inside(const std::string& who, const Value& value) const {
        if (value.buffer < 0 || value.buffer >= std::ssize(graph_.buffers)) refuse(who, "no such buffer");
        if (value.first < 0 || value.c < 1 || value.first > graph_.map(value).c - value.c)
            refuse(who, "a slice outside its buffer");
    }
    void require_whole(const Value& value) const {
        require_inside("graph", value);
        if (value.c != graph_.map(value).c) refuse("graph", "src or dst is not a whole buffer");
    }
    void read(const std::string& who, const Value& value) const {
        require_inside(who, value);
        const auto begin = written_[static_cast<std::size_t>(value.buffer)].begin() + value.first,
                   end = begin + value.c;
        if (std::find(begin, end, false) != end) refuse(who, "reads what no node before has written");
    }
    void write(const std::string& who, const Value& value) {
        require_inside(who, value);
        if (who != "graph" && value.buffer == graph_.src.buffer) refuse(who, "writes to the graph's src");
        auto& flags = written_[static_cast<std::size_t>(value.buffer)];
        std::fill_n(flags.begin() + value.first, value.c, true);
    }

    const Graph& graph_;
    bool numbers_;
    std::vector<std::vector<bool>> written_;
};

void check_all(const Graph& graph, bool numbers) {
    GraphCheck whole(graph, numbers);
    for (const Node& node : graph.nodes) whole.check(node);
    whole.finish();
}

}  // namespace

bool all_finite(const std::vector<float>& values) { return kernels::all_finite(std::ssize(values), values.data()); }

bool all_finite(const Tensor& values) {
    return kernels::all_finite(values.elements(), values.contiguous().data<float>());
}

void NodeCheck::require(bool condition, const char* wanted) const {
    if (!condition) refuse(node_.name, std::string("wanted ") + wanted);
}

void NodeCheck::require_src(bool quantized) const {
    require(src().quantized == quantized, quantized ? "a quantized src" : "a src of floats");
}

void NodeCheck::require_dst(bool quantized) const {
    require(dst().quantized == quantized, quantized ? "a quantized dst" : "a dst of floats");
}

void NodeCheck::require_residual() const {
    const Value* residual = node_.op.residual();
    if (residual == nullptr) return;
    require(same_extents(*residual, node_.dst), "a residual of dst's extents");
    require(graph_.map(*residual).quantized == dst().quantized, "a residual of dst's kind, floats or quantized");
}

void NodeCheck::require_factors(const std::vector<float>& scale, const std::vector<float>& shift,
                                std::int64_t c) const {
    constexpr const char* kWanted = "finite factors of each channel";
    require(std::ssize(scale) == c && std::ssize(shift) == c, kWanted);
    require_finite(scale, kWanted);
    require_finite(shift, kWanted);
}

bool NodeCheck::same_extents(const Value& a, const Value& b) const {
    return graph_.map(a).h == graph_.map(b).h && graph_.map(a).w == graph_.map(b).w && a.c == b.c;
}

bool multiplies_floats(const Graph& graph) {
    return std::ranges::any_of(graph.nodes, [](const Node& node) { return node.op.multiplies_floats(); });
}

void check(const Graph& graph) { check_all(graph, true); }

void check_structure(const Graph& graph) { check_all(graph, false); }

}  // namespace keel::graph
