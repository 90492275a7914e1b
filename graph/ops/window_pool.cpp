#include "graph/ops/window_pool.h"

#include <array>

#include "graph/check.h"
#include "graph/run_memory.h"
#include "kernels/pool/window_pool.h"

namespace keel::graph {
namespace {

constexpr std::array<const char*, 2> kWindowKinds{"max", "average"};

kernels::WindowAxis rows(const WindowPool& p, const Buffer& src, const Buffer& dst) {
    return {src.h, dst.h, p.kh, p.stride_h, p.top, p.bottom, p.dilation_h};
}

kernels::WindowAxis columns(const WindowPool& p, const Buffer& src, const Buffer& dst) {
    return {src.w, dst.w, p.kw, p.stride_w, p.left, p.right, p.dilation_w};
}

}  // namespace

void WindowPool::fields(Archive& archive) {
    archive.choice("kind", kind, kWindowKinds);
    archive.integer("kh", kh);
    archive.integer("kw", kw);
    archive.integer("stride_h", stride_h);
    archive.integer("stride_w", stride_w);
    archive.integer("top", top);
    archive.integer("left", left);
    archive.integer("bottom", bottom);
    archive.integer("right", right);
    archive.integer("dilation_h", dilation_h);
    archive.integer("dilation_w", dilation_w);
    archive.flag("count_padding", count_padding);
}

void WindowPool::check(const NodeCheck& node) const {
    node.require_floats();
    node.require(node.node().src.c == node.node().dst.c, "as many channels in dst as in src");
    for (const int extent : {kh, kw, stride_h, stride_w, dilation_h, dilation_w})
        node.require(extent >= 1, "a kernel, strides and dilations of at least 1");
    for (const int pad : {top, left, bottom, right}) node.require(pad >= 0, "padding of at least 0");
    node.require(windows_hold_pixels(rows(*this, node.src(), node.dst())) &&
                     windows_hold_pixels(columns(*this, node.src(), node.dst())),
                 "windows that hold a pixel");
}

void WindowPool::run(const Node& node, const RunMemory& memory) const {
    const kernels::ConstMap src = memory.from(node.src);
    const kernels::Map dst = memory.to(node.dst);
    const Buffer &in = memory.graph().map(node.src), &out = memory.graph().map(node.dst);
    const kernels::WindowPoolGeometry g{memory.n(), node.src.c, rows(*this, in, out), columns(*this, in, out),
                                        src.ld,     dst.ld};
    if (kind == Kind::max)
        kernels::window_max_forward(g, src.floats(), dst.floats());
    else
        kernels::window_average_forward(g, count_padding, src.floats(), dst.floats());
}

}  // namespace keel::graph
