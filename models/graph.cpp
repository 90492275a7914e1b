#include "models/graph.h"

#include <algorithm>

namespace keel::graph {
namespace {

/// Checks one node after the other, with what the ones before have written.
class Checker {
public:
    explicit Checker(const Graph& graph) : graph_(graph) {
        for (const Buffer& buffer : graph.buffers) {
            if (buffer.h < 1 || buffer.w < 1 || buffer.c < 1) refuse("graph", "an empty buffer");
            written_.emplace_back(static_cast<std::size_t>(buffer.c));
        }
        require_whole(graph.src);
        require_whole(graph.dst);
        write("graph", graph.src);
    }

    void check(const Node& node) {
        read(node.name, node.src);
        if (node.src.buffer == node.dst.buffer && overlap(node.src, node.dst)) refuse(node.name, "a node that overwrites its src");
        std::visit([&](const auto& op) { check(node, op); }, node.op);
        write(node.name, node.dst);
    }

    void finish() const { read("graph", graph_.dst); }

private:
    [[noreturn]] static void refuse(const std::string& who, const std::string& what) {
        throw UsageError("[graph] " + who + ": " + what);
    }
    static void require(bool condition, const Node& node, const char* wanted) {
        if (!condition) refuse(node.name, std::string("wanted ") + wanted);
    }
    static bool overlap(const Value& a, const Value& b) { return a.first < b.first + b.c && b.first < a.first + a.c; }

    void require_inside(const std::string& who, const Value& value) const {
        if (value.buffer < 0 || value.buffer >= std::ssize(graph_.buffers)) refuse(who, "no such buffer");
        if (value.first < 0 || value.c < 1 || value.first + value.c > graph_.map(value).c)
            refuse(who, "a slice outside its buffer");
    }
    void require_whole(const Value& value) const {
        require_inside("graph", value);
        if (value.c != graph_.map(value).c) refuse("graph", "src or dst is not a whole buffer");
    }
    auto channels(const Value& value) const {
        const auto begin = written_[static_cast<std::size_t>(value.buffer)].begin() + value.first;
        return std::pair(begin, begin + value.c);
    }
    void read(const std::string& who, const Value& value) const {
        require_inside(who, value);
        const auto [begin, end] = channels(value);
        if (std::find(begin, end, false) != end) refuse(who, "reads what no node before has written");
    }
    void write(const std::string& who, const Value& value) {
        require_inside(who, value);
        if (who != "graph" && value.buffer == graph_.src.buffer) refuse(who, "writes to the graph's src");
        auto& flags = written_[static_cast<std::size_t>(value.buffer)];
        std::fill_n(flags.begin() + value.first, value.c, true);
    }
    bool same_extents(const Value& a, const Value& b) const {
        return graph_.map(a).h == graph_.map(b).h && graph_.map(a).w == graph_.map(b).w && a.c == b.c;
    }
    static bool of_channels(const Affine& affine, std::int64_t c) {
        return std::ssize(affine.scale) == c && std::ssize(affine.shift) == c;
    }
    static void check_before(const Node& node, const std::optional<Affine>& before) {
        if (before) require(before->relu && of_channels(*before, node.src.c), node, "an affine of src's channels with ReLU before");
    }

    void check(const Node& node, const Conv& conv) const {
        require(conv.weights && conv.weights.rank() == 4 && !conv.weights.layout(), node, "plain weights of four dims");
        const auto g = geometry(graph_, node, conv, 1);
        kernels::check_geometry(g);
        require(conv.weights.dim(1) * conv.options.groups == g.ic && g.oc == node.dst.c && std::ssize(conv.bias) == g.oc, node,
                "weights and a bias of the channels of src and dst");
        require(g.oh() == graph_.map(node.dst).h && g.ow() == graph_.map(node.dst).w, node, "a dst of the convolution's extents");
        check_before(node, conv.before);
        if (!conv.residual) return;
        read(node.name, *conv.residual);
        require(same_extents(*conv.residual, node.dst), node, "a residual of dst's extents");
    }
    void check(const Node& node, const Pool& pool) const {
        require(node.src.c == node.dst.c, node, "as many channels in dst as in src");
        check_before(node, pool.before);
        if (pool.kind == PoolKind::adaptive_average) return;
        const Buffer &src = graph_.map(node.src), &dst = graph_.map(node.dst);
        require(pool.window.fits(src.h, src.w) && pool.window.extent(src.h) == dst.h && pool.window.extent(src.w) == dst.w, node,
                "a dst of the pooled extents");
    }
    void check(const Node& node, const Affine& affine) const {
        require(same_extents(node.src, node.dst) && of_channels(affine, node.src.c), node, "an affine of src's channels");
    }

    const Graph& graph_;
    std::vector<std::vector<bool>> written_;
};

}  // namespace

kernels::Conv2dGeometry geometry(const Graph& graph, const Node& node, const Conv& conv, std::int64_t n) {
    const Buffer& src = graph.map(node.src);
    return conv2d_geometry(Dims{n, src.h, src.w, node.src.c}, conv.weights, conv.options);
}

void check(const Graph& graph) {
    Checker checker(graph);
    for (const Node& node : graph.nodes) checker.check(node);
    checker.finish();
}

}  // namespace keel::graph
