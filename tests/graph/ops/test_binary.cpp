// Arithmetic with broadcasts against plain loops: exactly, for each result is one operation.
#include "graph/ops/binary.h"

#include "tests/graph/ops/one_op.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::test;
using graph::Binary;
using kernels::BinaryKind;

namespace {

float formula(BinaryKind kind, float a, float b) {
    switch (kind) {
        case BinaryKind::add:
            return a + b;
        case BinaryKind::sub:
            return a - b;
        case BinaryKind::mul:
            return a * b;
        case BinaryKind::div:
            return a / b;
        case BinaryKind::max:
            return std::isnan(a) || std::isnan(b) ? kNaN : std::max(a, b);
        case BinaryKind::min:
            return std::isnan(a) || std::isnan(b) ? kNaN : std::min(a, b);
        case BinaryKind::pow:
            return static_cast<float>(std::pow(double{a}, double{b}));
    }
    return 0;
}

constexpr BinaryKind kKinds[] = {BinaryKind::add, BinaryKind::sub, BinaryKind::mul, BinaryKind::div,
                                 BinaryKind::max, BinaryKind::min, BinaryKind::pow};

/// With a NaN, infinities and zeros of both signs among them.
Maps spiced(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c, std::uint64_t seed) {
    Maps maps = Maps::random(n, h, w, c, seed, -2, 2);
    const float spices[] = {kNaN, 0.0F, -0.0F, kInfinity, -kInfinity, 2.0F, 0.5F};
    for (std::size_t i = seed, k = 0; i < maps.values.size(); i += 11, ++k) maps.values[i] = spices[k % 7];
    return maps;
}

/// Holds src KIND other against the loops; other(image, y, x, channel) is its element.
template <class Other>
void check_formula(const Maps& src, const Maps* operand, const std::vector<float>& constant, Other other) {
    for (const BinaryKind kind : kKinds)
        for (const bool swapped : {false, true}) {
            std::vector<float> wanted;
            src.for_each([&](std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t k, std::size_t element) {
                const float a = src.values[element], b = other(i, y, x, k);
                wanted.push_back(swapped ? formula(kind, b, a) : formula(kind, a, b));
            });
            for (const Gaps& gaps : kGaps)
                for_each_isa([&] {
                    CAPTURE(static_cast<int>(kind), swapped, gaps.before);
                    const Maps got =
                        run_op(src, operand, {src.h, src.w, src.c}, gaps, [&](const std::optional<graph::Value>& from) {
                            return Binary{kind, swapped, from, constant};
                        });
                    CHECK(same(got.values, wanted));
                });
        }
}

}  // namespace

TEST_CASE("Arithmetic with an operand repeats what it has one of", "[binary]") {
    for (const std::int64_t c : {1, 9, 19})
        for (const std::int64_t w : {1, 4}) {
            const Maps src = spiced(2, 3, w, c, 1);
            for (const bool one_h : {false, true})
                for (const bool one_w : {false, true})
                    for (const bool one_c : {false, true}) {
                        const Maps operand = spiced(2, one_h ? 1 : 3, one_w ? 1 : w, one_c ? 1 : c, 2);
                        CAPTURE(c, w, one_h, one_w, one_c);
                        check_formula(src, &operand, {},
                                      [&](std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t k) {
                                          return operand.at(i, one_h ? 0 : y, one_w ? 0 : x, one_c ? 0 : k);
                                      });
                    }
        }
}

TEST_CASE("Arithmetic with constants of one, of each channel and of each element", "[binary]") {
    const Maps src = spiced(2, 3, 5, 17, 1);
    for (const float one : {0.3F, 2.0F, 0.5F, -1.0F, 0.0F, 3.0F})
        check_formula(src, nullptr, {one}, [&](auto...) { return one; });
    const auto of_channels = uniform(17, 2), of_elements = uniform(3 * 5 * 17, 3);
    check_formula(src, nullptr, of_channels, [&](std::int64_t, std::int64_t, std::int64_t, std::int64_t k) {
        return of_channels[static_cast<std::size_t>(k)];
    });
    check_formula(src, nullptr, of_elements, [&](std::int64_t, std::int64_t y, std::int64_t x, std::int64_t k) {
        return of_elements[src.index(0, y, x, k)];
    });
}

TEST_CASE("Maps of many pixels are combined without seams between threads", "[binary]") {
    const Maps src = Maps::random(3, 41, 37, 24, 1), gate = Maps::random(3, 1, 1, 24, 2);
    std::vector<float> wanted;
    src.for_each([&](std::int64_t i, std::int64_t, std::int64_t, std::int64_t k, std::size_t element) {
        wanted.push_back(src.values[element] * gate.at(i, 0, 0, k));
    });
    for (const int threads : {1, 2, 3}) {
        const ThreadScope scope(threads);
        const Maps got = run_op(src, &gate, {41, 37, 24}, {}, [](const std::optional<graph::Value>& operand) {
            return Binary{BinaryKind::mul, false, operand, {}};
        });
        CHECK(got.values == wanted);
    }
}

TEST_CASE("A map is combined with itself, and in place", "[binary]") {
    graph::Graph g{{{3, 3, 5}, {3, 3, 5}, {3, 3, 5}}, {}, {0, 0, 5}, {2, 0, 5}};
    g.nodes.push_back({"square", g.src, {1, 0, 5}, Binary{BinaryKind::mul, false, g.src, {}}});
    g.nodes.push_back({"add", {1, 0, 5}, g.dst, Binary{BinaryKind::add, false, g.src, {}}});
    check(g);
    const auto src = uniform(45, 1);
    std::vector<float> dst(45);
    Runtime(g, 1).run(1, src.data(), dst.data());
    for (std::size_t i = 0; i < src.size(); ++i) CHECK(dst[i] == src[i] * src[i] + src[i]);

    g.nodes[1].dst = {1, 0, 5};
    g.nodes[1].src = g.src;
    g.nodes[1].as<Binary>()->operand = graph::Value{1, 0, 5};
    CHECK_THROWS_WITH(check(g), contains("add: a node that overwrites its operand"));
}

TEST_CASE("Arithmetic of maps that do not fit is refused", "[binary]") {
    const graph::Buffer map{3, 4, 6};
    const auto refused = [&](const graph::Buffer& dst, const Binary& op, const char* why) {
        CHECK_THROWS_WITH(check_op(map, dst, op), contains(why));
    };
    refused({3, 4, 5}, {BinaryKind::add, false, {}, {1}}, "a dst of src's extents");
    refused(map, {}, "an operand or a constant");
    refused(map, {BinaryKind::add, false, {}, {1, 2}}, "a constant of one number");
    const Maps src = Maps::random(1, 3, 4, 6, 1);
    for (const auto& [h, w, c] : {std::tuple{2, 4, 6}, {3, 3, 6}, {3, 4, 2}}) {
        const Maps operand = Maps::random(1, h, w, c, 2);
        CHECK_THROWS_WITH(run_op(src, &operand, map, {},
                                 [](const std::optional<graph::Value>& from) {
                                     return Binary{BinaryKind::add, false, from, {}};
                                 }),
                          contains("an operand whose extents are each src's or 1"));
    }
}
