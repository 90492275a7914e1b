#include "graph/build/place_concats.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "graph/ops/rearrange.h"

namespace keel::graph {
namespace {

/// Where a buffer lies in another one.
struct Place {
    int buffer;
    std::int64_t first;
};

class Placement {
public:
    explicit Placement(Graph& graph) : graph_(graph), places_(graph.buffers.size()) {
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            const int to = graph.nodes[i].dst.buffer;
            if (is_copy(graph.nodes[i]))
                copies_[to].push_back(i);
            else
                made_otherwise_.insert(to);
        }
    }

    void run() {
        std::vector<int> joined;
        for (const auto& [buffer, nodes] : copies_)
            if (nodes.size() > 1 && !made_otherwise_.contains(buffer)) joined.push_back(buffer);
        // the last first: the joined map of a dense block that has all its layers takes in those before it
        std::ranges::sort(joined, std::greater(), [&](int buffer) { return copies_[buffer].front(); });
        for (const int buffer : joined) place(buffer);
        apply();
    }

private:
    bool is_copy(const Node& node) const {
        const auto* copy = node.as<Rearrange>();
        const Buffer &from = graph_.map(node.src), &to = graph_.map(node.dst);
        if (copy == nullptr || from.h != to.h || from.w != to.w || node.src.c != node.dst.c) return false;
        const std::int64_t pixels = from.h * from.w, c = node.src.c;
        const auto plain = [](const std::vector<RearrangeAxis>& axes, const RearrangeAxis& run) {
            return run.size == 1 ? axes.empty() : axes == std::vector{run};
        };
        return copy->first_pixel == 0 && copy->first_channel == 0 && plain(copy->pixel_axes, {pixels, 1, 0}) &&
               plain(copy->channel_axes, {c, 0, 1});
    }

    bool placed(int buffer) const { return places_[static_cast<std::size_t>(buffer)].has_value(); }

    Value now(Value value) const {
        while (placed(value.buffer)) {
            const Place& place = *places_[static_cast<std::size_t>(value.buffer)];
            value = {place.buffer, place.first + value.first, value.c};
        }
        return value;
    }

    /// Whether the parts lie side by side in another buffer, in their order.
    bool side_by_side(int buffer) const {
        const std::vector<std::size_t>& nodes = copies_.at(buffer);
        const Value first = now(graph_.nodes[nodes.front()].src);
        if (graph_.nodes[nodes.front()].dst.first != 0 || first.buffer == buffer) return false;
        return std::ranges::all_of(nodes, [&](std::size_t i) {
            const Value src = now(graph_.nodes[i].src);
            return src.buffer == first.buffer && src.first - first.first == graph_.nodes[i].dst.first;
        });
    }

    void place(int buffer) {
        const std::vector<std::size_t>& nodes = copies_.at(buffer);
        if (placed(buffer)) return;
        if (side_by_side(buffer) && buffer != graph_.dst.buffer) {
            const Value first = now(graph_.nodes[nodes.front()].src);
            places_[static_cast<std::size_t>(buffer)] = Place{first.buffer, first.first};
            dropped_.insert(nodes.begin(), nodes.end());
            return;
        }
        for (const std::size_t i : nodes) {
            const Node& node = graph_.nodes[i];
            const bool whole = node.src.first == 0 && node.src.c == graph_.map(node.src).c;
            if (!whole || placed(node.src.buffer) || node.src.buffer == graph_.src.buffer ||
                node.src.buffer == graph_.dst.buffer || now(node.dst).buffer == node.src.buffer)
                continue;
            places_[static_cast<std::size_t>(node.src.buffer)] = Place{buffer, node.dst.first};
            dropped_.insert(i);
        }
    }

    void apply() {
        std::vector<Node> kept;
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            if (dropped_.contains(i)) continue;
            Node& node = graph_.nodes[i];
            for_each_read(node, [&](Value& value, std::string_view) { value = now(value); });
            node.dst = now(node.dst);
            kept.push_back(std::move(node));
        }
        graph_.nodes = std::move(kept);
    }

    Graph& graph_;
    std::vector<std::optional<Place>> places_;        ///< of each buffer
    std::map<int, std::vector<std::size_t>> copies_;  ///< into each buffer
    std::set<int> made_otherwise_;                    ///< buffers that something else writes, too
    std::set<std::size_t> dropped_;                   ///< nodes
};

}  // namespace

void place_concats(Graph& graph) { Placement(graph).run(); }

}  // namespace keel::graph
