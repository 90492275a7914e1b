#include "graph/build/buffers.h"

#include <cstddef>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::graph {
namespace {

template <class F>
void for_each_value(Node& node, F&& f) {
    for_each_read(node, [&](Value& value, std::string_view) { f(value); });
    f(node.dst);
}

/// Whether dst may be the very map that a node reads in this role.
bool may_overwrite(const Node& node, std::string_view role) {
    return role == "residual" || (role.empty() && node.op.in_place());
}

/// Returns the buffer that a node reads, the whole of it and only in roles that its result may overwrite; -1: none.
int overwritable(const Graph& graph, const Node& node) {
    int found = -1;
    for_each_read(node, [&](const Value& value, std::string_view role) {
        if (found < 0 && may_overwrite(node, role) && value.c == graph.map(value).c) found = value.buffer;
    });
    for_each_read(node, [&](const Value& value, std::string_view role) {
        if (value.buffer == found && !may_overwrite(node, role)) found = -1;
    });
    return found;
}

}  // namespace

void reuse_buffers(Graph& graph) {
    std::vector<const Node*> last_user(graph.buffers.size());
    for (Node& node : graph.nodes)
        for_each_value(node, [&](const Value& value) { last_user[static_cast<std::size_t>(value.buffer)] = &node; });
    std::vector<int> now_in(graph.buffers.size());
    std::iota(now_in.begin(), now_in.end(), 0);
    for (Node& node : graph.nodes) {
        const int old = overwritable(graph, node);
        const auto from = static_cast<std::size_t>(old), to = static_cast<std::size_t>(node.dst.buffer);
        if (old >= 0 && last_user[from] == &node && old != graph.src.buffer && old != graph.dst.buffer &&
            node.dst != graph.dst && node.dst.c == graph.map(node.dst).c)
            now_in[to] = now_in[from];
        for_each_value(node, [&](Value& value) { value.buffer = now_in[static_cast<std::size_t>(value.buffer)]; });
    }
}

void drop_unused_buffers(Graph& graph) {
    std::vector<int> index(graph.buffers.size(), -1);
    std::vector<Buffer> used;
    const auto keep = [&](Value& value) {
        int& now = index[static_cast<std::size_t>(value.buffer)];
        if (now < 0) {
            now = static_cast<int>(used.size());
            used.push_back(graph.map(value));
        }
        value.buffer = now;
    };
    keep(graph.src);
    for (Node& node : graph.nodes) for_each_value(node, keep);
    keep(graph.dst);
    graph.buffers = std::move(used);
}

}  // namespace keel::graph
