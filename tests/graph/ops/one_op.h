// Runs one operator of a graph between maps that lie in wider buffers.
#pragma once

#include <cmath>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "graph/check.h"
#include "graph/run_memory.h"
#include "graph/runtime.h"
#include "tests/kernels/samples.h"
#include "tests/support/catch.h"

namespace keel::test {

/// n images of h x w pixels with c channels, dense.
struct Maps {
    std::int64_t n, h, w, c;
    std::vector<float> values;

    static Maps random(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, std::uint64_t seed,
                       float low = -1, float high = 1) {
        return {n, h, w, c, uniform(n * h * w * c, seed, low, high)};
    }
    std::size_t index(std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t k) const {
        return static_cast<std::size_t>(((i * h + y) * w + x) * c + k);
    }
    float at(std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t k) const { return values[index(i, y, x, k)]; }

    /// Calls f(image, y, x, channel, element) for each element of n images of h x w x c, in order.
    template <class F>
    static void for_each(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, F f) {
        std::size_t element = 0;
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t y = 0; y < h; ++y)
                for (std::int64_t x = 0; x < w; ++x)
                    for (std::int64_t k = 0; k < c; ++k) f(i, y, x, k, element++);
    }
    template <class F>
    void for_each(F f) const {
        for_each(n, h, w, c, f);
    }
};

/// dst = values, whatever src is.
struct Feed {
    static constexpr std::string_view kName = "feed";
    std::vector<float> values;
    void fields(graph::Archive&) {}
    void check(const graph::NodeCheck&) const {}
    void run(const graph::Node& node, const graph::RunMemory& memory) const {
        const kernels::Map dst = memory.to(node.dst);
        graph::with_elements(dst.type, [&]<class T>(T) {
            for (std::int64_t p = 0; p < memory.pixels(node.dst); ++p)
                for (std::int64_t k = 0; k < node.dst.c; ++k)
                    static_cast<T*>(dst.data)[p * dst.ld + k] =
                        values.size() == 1 ? values[0] : values[static_cast<std::size_t>(p * node.dst.c + k)];
        });
    }
    bool takes_bf16(const graph::Graph&, const graph::Node&) const { return true; }
};

/// dst = src, as f32.
struct Copy {
    static constexpr std::string_view kName = "copy";
    void fields(graph::Archive&) {}
    void check(const graph::NodeCheck& node) const { node.require_same_extents(); }
    void run(const graph::Node& node, const graph::RunMemory& memory) const {
        const kernels::ConstMap src = memory.from(node.src);
        const kernels::Map dst = memory.to(node.dst);
        for (std::int64_t p = 0; p < memory.pixels(node.dst); ++p)
            for (std::int64_t k = 0; k < node.dst.c; ++k)
                graph::with_elements(src.type, [&]<class T>(T) {
                    dst.floats()[p * dst.ld + k] = static_cast<const T*>(src.data)[p * src.ld + k];
                });
    }
    bool takes_bf16(const graph::Graph&, const graph::Node&) const { return true; }
};

/// How wide the buffers are beside what the operator reads and writes.
struct Gaps {
    std::int64_t before = 0, behind = 0;
};
constexpr Gaps kGaps[] = {{0, 0}, {2, 3}};

/// Makes the operator, which reads the operand if it is given one.
using MakeOp = std::function<graph::Op(const std::optional<graph::Value>& operand)>;

/// Returns the checked graph that feeds the operator and copies its result with what lies around it; its src is a map
/// of one number that nobody looks at.
inline graph::Graph graph_of_op(const Maps& src, const Maps* operand, const graph::Buffer& dst, const Gaps& gaps,
                                const MakeOp& make, float around) {
    graph::Graph g;
    const auto buffer = [&](std::int64_t h, std::int64_t w, std::int64_t c) {
        g.buffers.push_back({h, w, c});
        return graph::Value{static_cast<int>(g.buffers.size()) - 1, 0, c};
    };
    const auto slice = [&](std::int64_t h, std::int64_t w, std::int64_t c) {
        return graph::Value{buffer(h, w, gaps.before + c + gaps.behind).buffer, gaps.before, c};
    };
    g.src = buffer(1, 1, 1);
    const graph::Value from = slice(src.h, src.w, src.c), to = slice(dst.h, dst.w, dst.c);
    const graph::Value whole{to.buffer, 0, gaps.before + dst.c + gaps.behind};
    g.nodes.push_back({"src", g.src, from, Feed{src.values}});
    g.nodes.push_back({"around", g.src, whole, Feed{{around}}});
    std::optional<graph::Value> other;
    if (operand != nullptr) {
        other = slice(operand->h, operand->w, operand->c);
        g.nodes.push_back({"operand", g.src, *other, Feed{operand->values}});
    }
    g.nodes.push_back({"op", from, to, make(other)});
    g.dst = buffer(dst.h, dst.w, whole.c);
    g.nodes.push_back({"copy", whole, g.dst, Copy{}});
    check(g);
    return g;
}

/// Runs the graph of an operator: its result of n images, with what lies around it.
inline std::vector<float> run_around(const graph::Graph& g, std::int64_t n, std::int64_t batch) {
    const std::vector<float> nothing(static_cast<std::size_t>(n));
    std::vector<float> all(static_cast<std::size_t>(n * g.map(g.dst).elements()));
    Runtime(g, batch).run(n, nothing.data(), all.data());
    return all;
}

inline Maps rounded_to_bf16(Maps maps) {
    for (float& value : maps.values) value = Bf16(value);
    return maps;
}

/// Checks that the operator gives on maps of bf16 what it gives on the same numbers in f32, rounded once, for any
/// number of images at a time.
inline void check_on_bf16(const Maps& src, const Maps* operand, const graph::Buffer& dst, const Gaps& gaps,
                          const MakeOp& make) {
    const Maps from = rounded_to_bf16(src);
    Maps other;
    if (operand != nullptr) other = rounded_to_bf16(*operand);
    graph::Graph g = graph_of_op(from, operand == nullptr ? nullptr : &other, dst, gaps, make, -77);
    const std::vector<float> wanted = run_around(g, src.n, src.n);
    for (std::size_t i = 0; i < g.buffers.size(); ++i)
        g.buffers[i].halves = static_cast<int>(i) != g.src.buffer && static_cast<int>(i) != g.dst.buffer;
    for (const std::int64_t batch : {std::int64_t{1}, src.n}) {
        const std::vector<float> got = run_around(g, src.n, batch);
        std::int64_t others = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            const float rounded = Bf16(wanted[i]);
            if (got[i] != rounded && !(std::isnan(got[i]) && std::isnan(rounded))) ++others;
        }
        CHECK(others == 0);
    }
}

/// Returns what the operator makes of src (and an operand), of dst's extents; the channels around its result must stay
/// what they were. Checks it on maps of bf16 as well.
inline Maps run_op(const Maps& src, const Maps* operand, const graph::Buffer& dst, const Gaps& gaps,
                   const MakeOp& make) {
    constexpr float kAround = -77;
    const graph::Graph g = graph_of_op(src, operand, dst, gaps, make, kAround);
    const std::int64_t wide = g.dst.c, pixels = src.n * dst.h * dst.w;
    const std::vector<float> all = run_around(g, src.n, src.n);
    check_on_bf16(src, operand, dst, gaps, make);
    Maps result{src.n, dst.h, dst.w, dst.c, {}};
    std::int64_t overwritten = 0;
    for (std::int64_t p = 0; p < pixels; ++p)
        for (std::int64_t k = 0; k < wide; ++k) {
            const float value = all[static_cast<std::size_t>(p * wide + k)];
            if (k >= gaps.before && k < gaps.before + dst.c)
                result.values.push_back(value);
            else if (value != kAround)
                ++overwritten;
        }
    CHECK(overwritten == 0);
    return result;
}

inline Maps run_op(const Maps& src, const graph::Buffer& dst, const Gaps& gaps, const graph::Op& op) {
    return run_op(src, nullptr, dst, gaps, [&](const std::optional<graph::Value>&) { return op; });
}

/// Checks the graph of an operator that check() has to refuse.
inline void check_op(const graph::Buffer& src, const graph::Buffer& dst, const graph::Op& op) {
    graph_of_op(
        {1, src.h, src.w, src.c, {0}}, nullptr, dst, {}, [&](const std::optional<graph::Value>&) { return op; }, 0);
}

}  // namespace keel::test
