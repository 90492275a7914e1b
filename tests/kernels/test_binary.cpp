// Arithmetic of two maps against its formulas, exactly; the second repeated along every axis.
#include "kernels/binary/binary.h"

#include <functional>

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

struct Kind {
    BinaryKind kind;
    std::function<float(float, float)> formula;
};

float with_nan(float a, float b, float otherwise) { return std::isnan(a) || std::isnan(b) ? kNaN : otherwise; }

const Kind kKinds[] = {
    {BinaryKind::add, [](float a, float b) { return a + b; }},
    {BinaryKind::sub, [](float a, float b) { return a - b; }},
    {BinaryKind::mul, [](float a, float b) { return a * b; }},
    {BinaryKind::div, [](float a, float b) { return a / b; }},
    {BinaryKind::max, [](float a, float b) { return with_nan(a, b, std::max(a, b)); }},
    {BinaryKind::min, [](float a, float b) { return with_nan(a, b, std::min(a, b)); }},
    {BinaryKind::pow, [](float a, float b) { return static_cast<float>(std::pow(double{a}, double{b})); }},
};

std::vector<float> spiced(std::int64_t n, std::uint64_t seed) {
    std::vector<float> values = uniform(n, seed, -2, 2);
    const float spices[] = {0.0F, -0.0F, kNaN, kInfinity, -kInfinity, 1e-42F, 2.0F, 0.5F};
    for (std::size_t i = seed, k = 0; i < values.size(); i += 7, ++k) values[i] = spices[k % std::size(spices)];
    return values;
}

/// How far `other` goes with each axis of 2 images of 3 x 4 pixels with c channels: those that are kept, dense.
BroadcastGeometry geometry(std::int64_t c, std::int64_t gap, unsigned kept) {
    BroadcastGeometry g{2, 3, 4, c, c + gap, c + 2 * gap, 0, 0, 0, 0};
    std::int64_t step = 1;
    if ((kept & 1U) != 0) {
        g.other_channel = 1;
        step = c + gap;
    }
    if ((kept & 2U) != 0) {
        g.other_pixel = step;
        step *= g.w;
    }
    if ((kept & 4U) != 0) {
        g.other_row = step;
        step *= g.h;
    }
    if ((kept & 8U) != 0) g.other_image = step;
    return g;
}

std::vector<float> wanted_of(const BroadcastGeometry& g, const Kind& kind, bool swapped, const std::vector<float>& src,
                             const std::vector<float>& other, std::vector<float> dst) {
    for (std::int64_t i = 0; i < g.n; ++i)
        for (std::int64_t y = 0; y < g.h; ++y)
            for (std::int64_t x = 0; x < g.w; ++x)
                for (std::int64_t k = 0; k < g.c; ++k) {
                    const std::int64_t pixel = (i * g.h + y) * g.w + x;
                    const float a = src[static_cast<std::size_t>(pixel * g.src_ld + k)],
                                b = other[static_cast<std::size_t>(i * g.other_image + y * g.other_row +
                                                                   x * g.other_pixel + k * g.other_channel)];
                    dst[static_cast<std::size_t>(pixel * g.dst_ld + k)] =
                        swapped ? kind.formula(b, a) : kind.formula(a, b);
                }
    return dst;
}

}  // namespace

TEST_CASE("binary_forward is exact for every operation and every broadcast", "[binary]") {
    for (const std::int64_t c : {1, 3, 8, 9, 16, 17, 31})
        for (const std::int64_t gap : {0, 3})
            for (unsigned kept = 0; kept < 16; ++kept) {
                const BroadcastGeometry g = geometry(c, gap, kept);
                const std::int64_t pixels = g.n * g.h * g.w;
                const auto src = spiced(pixels * g.src_ld, 1), other = spiced(pixels * (c + gap), 2),
                           before = uniform(pixels * g.dst_ld, 3);
                for (const Kind& kind : kKinds)
                    for (const bool swapped : {false, true}) {
                        const auto wanted = wanted_of(g, kind, swapped, src, other, before);
                        for_each_isa([&] {
                            CAPTURE(c, gap, kept, static_cast<int>(kind.kind), swapped);
                            auto dst = before;
                            binary_forward(g, kind.kind, swapped, src.data(), other.data(), dst.data());
                            CHECK(same(dst, wanted));
                        });
                    }
            }
}

TEST_CASE("binary_forward runs in place", "[binary]") {
    for (const std::int64_t c : {5, 16, 33}) {
        BroadcastGeometry g = geometry(c, 0, 15);
        const auto src = spiced(24 * c, 1), other = spiced(24 * c, 2);
        const auto wanted = wanted_of(g, kKinds[1], false, src, other, src);
        for_each_isa([&] {
            auto dst = src, as_other = other;
            binary_forward(g, BinaryKind::sub, false, dst.data(), other.data(), dst.data());
            CHECK(same(dst, wanted));
            binary_forward(g, BinaryKind::sub, false, src.data(), as_other.data(), as_other.data());
            CHECK(same(as_other, wanted));
        });
    }
}

TEST_CASE("powers are C's, squares, cubes and roots those of products and one operation", "[binary]") {
    const std::vector<float> bases{-2, -0.5F, -0.0F, 0, 0.25F, 2, 3, kInfinity, -kInfinity, kNaN};
    for (const float exponent : {2.0F, 0.5F, 3.0F, -1.0F, 0.0F, -0.5F, kNaN}) {
        std::vector<float> dst(bases.size());
        binary_forward({1, 1, 1, std::ssize(bases), 0, 0, 0, 0, 0, 0}, BinaryKind::pow, false, bases.data(), &exponent,
                       dst.data());
        for (std::size_t i = 0; i < bases.size(); ++i) {
            CAPTURE(bases[i], exponent);
            const float wanted = static_cast<float>(std::pow(double{bases[i]}, double{exponent}));
            CHECK(same(dst[i], wanted));
            CHECK((std::isnan(wanted) || std::signbit(dst[i]) == std::signbit(wanted)));
        }
    }
}
