// A quantized graph run slowly: plain loops over int64 sums, no packing, no tiles, no ISA. What the runtime must give
// to the bit.
#pragma once

#include <vector>

#include "graph/ops/conv.h"
#include "graph/ops/quant_add.h"
#include "graph/ops/quant_conv.h"
#include "graph/ops/quant_convert.h"
#include "graph/ops/quant_pool.h"
#include "tests/support/qconv_oracle.h"

namespace keel::test {

/// Logits of n images. Floats of kept layers are not simulated: the graph holds quantized operators only.
class QuantSimulator {
public:
    explicit QuantSimulator(const graph::Graph& graph) : g_(graph) {}

    std::vector<float> run(std::int64_t n, const float* src) {
        n_ = n;
        bytes_.clear();
        floats_.clear();
        for (const graph::Buffer& b : g_.buffers) {
            bytes_.emplace_back(static_cast<std::size_t>(b.quantized ? n * b.elements() : 0));
            floats_.emplace_back(static_cast<std::size_t>(b.quantized ? 0 : n * b.elements()));
        }
        const auto at = static_cast<std::size_t>(g_.src.buffer);
        std::copy_n(src, floats_[at].size(), floats_[at].begin());
        for (const graph::Node& node : g_.nodes) step(node);
        return floats_[static_cast<std::size_t>(g_.dst.buffer)];
    }

private:
    std::int64_t pixels(const graph::Value& v) const { return n_ * g_.map(v).h * g_.map(v).w; }
    std::uint8_t* bytes(const graph::Value& v) { return bytes_[static_cast<std::size_t>(v.buffer)].data() + v.first; }
    /// The value of channel c of pixel p of dst, to wherever it belongs.
    void store(const graph::Value& dst, std::int64_t p, std::int64_t c, float v) {
        const auto at = static_cast<std::size_t>(p * g_.map(dst).c + dst.first + c),
                   buffer = static_cast<std::size_t>(dst.buffer);
        if (g_.map(dst).quantized)
            bytes_[buffer][at] = oracle_quantized(v);
        else
            floats_[buffer][at] = v;
    }

    void step(const graph::Node& node) {
        if (const auto* op = node.as<graph::Quantize>()) return step(node, *op);
        if (const auto* op = node.as<graph::QuantConv>()) return step(node, *op);
        if (const auto* op = node.as<graph::QuantPool>()) return step(node, *op);
        if (const auto* op = node.as<graph::QuantAdd>()) return step(node, *op);
        if (const auto* op = node.as<graph::Dequantize>()) return step(node, *op);
        throw UsageError("[simulator] " + node.name + " is an operator of floats");
    }
    void step(const graph::Node& node, const graph::Quantize& op) {
        const float* src = floats_[static_cast<std::size_t>(node.src.buffer)].data() + node.src.first;
        for (std::int64_t p = 0; p < pixels(node.src); ++p)
            for (std::int64_t c = 0; c < node.src.c; ++c) {
                const auto i = static_cast<std::size_t>(c);
                store(node.dst, p, c, std::fmaf(src[p * g_.map(node.src).c + c], op.scale[i], op.shift[i]));
            }
    }
    void step(const graph::Node& node, const graph::Dequantize& op) {
        for_each_code(node.src, [&](std::int64_t p, std::int64_t c, std::uint8_t code) {
            const auto i = static_cast<std::size_t>(c);
            store(node.dst, p, c, std::fmaf(code, op.scale[i], op.shift[i]));
        });
    }
    void step(const graph::Node& node, const graph::QuantAdd& op) {
        const std::uint8_t* other = bytes(*op.residual);
        const std::int64_t ld = g_.map(*op.residual).c;
        for_each_code(node.src, [&](std::int64_t p, std::int64_t c, std::uint8_t code) {
            const auto i = static_cast<std::size_t>(c);
            const float v =
                std::fmaf(other[p * ld + c], op.residual_scale[i], std::fmaf(code, op.scale[i], op.shift[i]));
            store(node.dst, p, c, op.relu ? std::max(v, static_cast<float>(op.zero)) : v);
        });
    }
    template <class F>
    void for_each_code(const graph::Value& src, F f) {
        for (std::int64_t p = 0; p < pixels(src); ++p)
            for (std::int64_t c = 0; c < src.c; ++c) f(p, c, bytes(src)[p * g_.map(src).c + c]);
    }
    void step(const graph::Node& node, const graph::QuantConv& op) {
        kernels::QconvOperands o;
        o.src = {bytes(node.src), g_.map(node.src).c};
        o.prologue = op.prologue.view();
        o.pad = op.pad.empty() ? nullptr : op.pad.data();
        if (op.residual) o.residual = {bytes(*op.residual), g_.map(*op.residual).c};
        const float none = -INFINITY;
        o.least = g_.map(node.dst).quantized ? (op.relu ? op.zero : 0) : (op.relu ? 0 : none);
        const std::vector<float> results = qconv_oracle(
            graph::conv_geometry(g_, node, op.weights, op.options, n_),
            {op.weights.data<std::int8_t>(), op.scale.data(), op.shift.data(), op.residual_scale.data()}, o);
        for (std::int64_t p = 0; p < pixels(node.dst); ++p)
            for (std::int64_t c = 0; c < node.dst.c; ++c)
                store(node.dst, p, c, results[static_cast<std::size_t>(p * node.dst.c + c)]);
    }
    void step(const graph::Node& node, const graph::QuantPool& op) {
        const graph::Buffer &in = g_.map(node.src), &out = g_.map(node.dst);
        const bool adaptive = op.kind == graph::PoolKind::adaptive_average;
        for (std::int64_t p = 0; p < pixels(node.dst); ++p)
            for (std::int64_t c = 0; c < node.dst.c; ++c) {
                const std::int64_t n = p / out.w / out.h, oy = p / out.w % out.h, ox = p % out.w;
                const std::int64_t y0 = adaptive ? oy * in.h / out.h : oy * op.window.stride - op.window.pad;
                const std::int64_t x0 = adaptive ? ox * in.w / out.w : ox * op.window.stride - op.window.pad;
                const std::int64_t y1 = adaptive ? ((oy + 1) * in.h + out.h - 1) / out.h : y0 + op.window.kernel;
                const std::int64_t x1 = adaptive ? ((ox + 1) * in.w + out.w - 1) / out.w : x0 + op.window.kernel;
                std::int64_t sum = 0, most = 0;
                for (std::int64_t y = y0; y < y1; ++y)
                    for (std::int64_t x = x0; x < x1; ++x) {
                        const bool inside = y >= 0 && y < in.h && x >= 0 && x < in.w;
                        std::int64_t code = op.pad.empty() ? 0 : op.pad[static_cast<std::size_t>(c)];
                        if (inside)
                            code = oracle_prologue(op.prologue.view(),
                                                   bytes(node.src)[((n * in.h + y) * in.w + x) * in.c + c], c);
                        sum += code;
                        most = std::max(most, inside ? code : 0);
                    }
                const auto i = static_cast<std::size_t>(c);
                const float area = static_cast<float>((y1 - y0) * (x1 - x0));
                store(node.dst, p, c,
                      op.kind == graph::PoolKind::max
                          ? static_cast<float>(most)
                          : std::fmaf(static_cast<float>(sum) * (1.0F / area), op.scale[i], op.shift[i]));
            }
    }
    const graph::Graph& g_;
    std::int64_t n_ = 0;
    std::vector<std::vector<std::uint8_t>> bytes_;
    std::vector<std::vector<float>> floats_;
};

}  // namespace keel::test
