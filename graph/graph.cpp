#include "graph/graph.h"

#include <algorithm>
#include <cmath>
#include <utility>

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
        require_inside(node.name, node.dst);
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
        if (value.first < 0 || value.c < 1 || value.first > graph_.map(value).c - value.c)
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

    void require_kinds(const Node& node, std::optional<bool> src, std::optional<bool> dst) const {
        if (src) require(graph_.map(node.src).codes == *src, node, *src ? "a src of codes" : "a src of floats");
        if (dst) require(graph_.map(node.dst).codes == *dst, node, *dst ? "a dst of codes" : "a dst of floats");
    }
    static bool finite(const std::vector<float>& values) {
        return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
    }
    static void check_factors(const Node& node, const std::vector<float>& scale, const std::vector<float>& shift, std::int64_t c) {
        require(std::ssize(scale) == c && std::ssize(shift) == c && finite(scale) && finite(shift), node,
                "finite factors of each channel");
    }
    static void check_before(const Node& node, const CodesBefore& b, const std::vector<std::uint8_t>& pad) {
        const std::int64_t c = node.src.c;
        const auto sized = [&](const auto& values) { return values.empty() || std::ssize(values) == c; };
        require(sized(b.low) && b.low.size() == b.high.size() && sized(b.scale) && b.scale.size() == b.shift.size() && sized(pad) &&
                    (b.low.empty() || b.scale.empty()) && finite(b.scale) && finite(b.shift),
                node, "a clamp or an affine of src's channels before, and a pad of them");
    }

    void check(const Node& node, const Quantise& op) const {
        require_kinds(node, false, true);
        require(same_extents(node.src, node.dst), node, "a dst of src's extents");
        check_factors(node, op.scale, op.shift, node.src.c);
    }
    void check(const Node& node, const Dequantise& op) const {
        require_kinds(node, true, false);
        require(same_extents(node.src, node.dst), node, "a dst of src's extents");
        check_factors(node, op.scale, op.shift, node.src.c);
    }
    void check(const Node& node, const QuantConv& conv) const {
        require_kinds(node, true, {});
        require(conv.weights && conv.weights.rank() == 4 && conv.weights.dtype() == DType::s8, node, "s8 weights of four dims");
        const auto g = geometry(graph_, node, conv, 1);
        kernels::check_geometry(g);
        require(conv.weights.dim(1) * conv.options.groups == g.ic && g.oc == node.dst.c, node,
                "weights of the channels of src and dst");
        require(g.oh() == graph_.map(node.dst).h && g.ow() == graph_.map(node.dst).w, node, "a dst of the convolution's extents");
        check_factors(node, conv.scale, conv.shift, g.oc);
        check_before(node, conv.before, conv.pad);
        require(
            conv.residual ? std::ssize(conv.residual_scale) == g.oc && finite(conv.residual_scale) : conv.residual_scale.empty(),
            node, "finite factors of a residual where there is one");
        if (!conv.residual) return;
        read(node.name, *conv.residual);
        require(graph_.map(*conv.residual).codes && graph_.map(node.dst).codes && same_extents(*conv.residual, node.dst), node,
                "a residual of codes, of dst's extents");
    }
    void check(const Node& node, const QuantPool& pool) const {
        const bool maximum = pool.kind == PoolKind::max;
        require_kinds(node, true, maximum ? std::optional(true) : std::nullopt);
        check_before(node, pool.before, pool.pad);
        if (maximum)
            require(pool.scale.empty() && pool.shift.empty() && pool.pad.empty(), node, "no factors of a maximum");
        else
            check_factors(node, pool.scale, pool.shift, node.src.c);
        check_window(node, pool.kind, pool.window);
    }

    void check(const Node& node, const Conv& conv) const {
        require_kinds(node, false, false);
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
        require(!graph_.map(*conv.residual).codes, node, "a residual of floats");
    }
    void check_window(const Node& node, PoolKind kind, const PoolOptions& window) const {
        require(node.src.c == node.dst.c, node, "as many channels in dst as in src");
        if (kind == PoolKind::adaptive_average) return;
        require(window.kernel >= 1 && window.stride >= 1 && window.pad >= 0 && window.pad < window.kernel, node,
                "windows that hold a pixel");
        const Buffer &src = graph_.map(node.src), &dst = graph_.map(node.dst);
        require(window.fits(src.h, src.w) && window.extent(src.h) == dst.h && window.extent(src.w) == dst.w, node,
                "a dst of the pooled extents");
    }
    void check(const Node& node, const Pool& pool) const {
        require_kinds(node, false, false);
        check_before(node, pool.before);
        check_window(node, pool.kind, pool.window);
    }
    void check(const Node& node, const Affine& affine) const {
        require_kinds(node, false, false);
        require(same_extents(node.src, node.dst) && of_channels(affine, node.src.c), node, "an affine of src's channels");
    }

    const Graph& graph_;
    std::vector<std::vector<bool>> written_;
};

}  // namespace

kernels::QuantPrologue CodesBefore::view() const {
    const auto given = [](const auto& values) { return values.empty() ? nullptr : values.data(); };
    return {given(low), given(high), given(scale), given(shift)};
}

const Value* residual_of(const Node& node) {
    if (const auto* conv = std::get_if<Conv>(&node.op)) return conv->residual ? &*conv->residual : nullptr;
    if (const auto* conv = std::get_if<QuantConv>(&node.op)) return conv->residual ? &*conv->residual : nullptr;
    return nullptr;
}

Value* residual_of(Node& node) { return const_cast<Value*>(residual_of(std::as_const(node))); }

kernels::Conv2dGeometry geometry(const Graph& graph, const Node& node, const Conv& conv, std::int64_t n) {
    const Buffer& src = graph.map(node.src);
    return conv2d_geometry(Dims{n, src.h, src.w, node.src.c}, conv.weights, conv.options);
}

kernels::Conv2dGeometry geometry(const Graph& graph, const Node& node, const QuantConv& conv, std::int64_t n) {
    const Buffer& src = graph.map(node.src);
    return conv2d_geometry(Dims{n, src.h, src.w, node.src.c}, conv.weights, conv.options);
}

bool multiplies_floats(const Graph& graph) {
    return std::ranges::any_of(graph.nodes, [](const Node& node) { return std::holds_alternative<Conv>(node.op); });
}

void check(const Graph& graph) {
    Checker checker(graph);
    for (const Node& node : graph.nodes) checker.check(node);
    checker.finish();
}

}  // namespace keel::graph
