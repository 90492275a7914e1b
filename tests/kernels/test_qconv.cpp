// Convolution of codes on every ISA and several team sizes: bit for bit what plain 64-bit loops give.
#include <limits>
#include <vector>

#include "kernels/error.h"
#include "kernels/qconv/qconv.h"
#include "kernels/random.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"
#include "tests/support/qconv_oracle.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kCanary = 77;
constexpr float kNone = -std::numeric_limits<float>::infinity();

enum class Read { plain, clamped, affine };

/// A convolution with everything it reads; `ld_*` are how much wider than the channels the maps are.
struct Case {
    Conv2dGeometry g;
    Read read = Read::plain;
    bool residual = false, floats = false, padded_with_codes = false, extremes = false;
    std::int64_t src_gap = 0, dst_gap = 0;
    float least = 0;
};

std::string text(const Case& c) {
    const auto number = [](auto value) { return std::to_string(value) + " "; };
    const Conv2dGeometry& g = c.g;
    return "n, map, channels " + number(g.n) + number(g.ih) + number(g.iw) + number(g.ic) + number(g.oc) + "kernel " +
           number(g.kh) + number(g.kw) + "stride " + number(g.stride_h) + number(g.stride_w) + "pad " +
           number(g.pad_h) + number(g.pad_w) + "dilation " + number(g.dilation_h) + number(g.dilation_w) + "groups " +
           number(g.groups) + "read " + number(static_cast<int>(c.read)) + "residual, floats, pad, extremes " +
           number(c.residual) + number(c.floats) + number(c.padded_with_codes) + number(c.extremes) + "gaps " +
           number(c.src_gap) + number(c.dst_gap) + "least " + number(c.least);
}

struct Problem {
    Problem(const Case& of, std::uint64_t seed) : c(of), random(seed, Draw::synthesize) {
        const Conv2dGeometry& g = c.g;
        src = codes(g.n * g.ih * g.iw * src_ld());
        pixels = g.n * g.oh() * g.ow();
        residual = codes(pixels * dst_ld());
        pad = codes(g.ic);
        low = codes(g.ic);
        high = codes(g.ic);
        for (std::size_t i = 0; i < low.size(); ++i)
            if (low[i] > high[i]) std::swap(low[i], high[i]);
        for (std::int64_t i = 0; i < g.weights_elements(); ++i)
            weights.push_back(static_cast<std::int8_t>(c.extremes ? (random.bits() % 2 != 0 ? 127 : -128)
                                                                  : static_cast<int>(random.bits() % 256) - 128));
        const auto products = static_cast<float>(g.weights_elements() / g.oc);
        for (std::int64_t i = 0; i < g.oc; ++i) {  // results that fill the codes and spill over at both ends
            scale.push_back(random.uniform(0.2F, 2) / (std::sqrt(products) * 100));
            shift.push_back(random.uniform(-100, 300));
            residual_scale.push_back(random.uniform(-1, 1));
        }
        for (std::int64_t i = 0; i < g.ic; ++i) {
            src_scale.push_back(random.uniform(-2, 2));
            src_shift.push_back(random.uniform(-200, 400));
        }
    }

    std::int64_t src_ld() const { return c.g.ic + c.src_gap; }
    std::int64_t dst_ld() const { return c.g.oc + c.dst_gap; }
    Bytes codes(std::int64_t count) {
        Bytes values(static_cast<std::size_t>(count));
        for (std::uint8_t& value : values)
            value = static_cast<std::uint8_t>(c.extremes ? (random.bits() % 2 != 0 ? 255 : 0) : random.bits() % 256);
        return values;
    }
    QconvWeights plain() const {
        return {weights.data(), scale.data(), shift.data(), c.residual ? residual_scale.data() : nullptr};
    }
    QconvOperands operands() const {
        QconvOperands o;
        o.src = {src.data(), src_ld()};
        if (c.read == Read::clamped) o.prologue = {low.data(), high.data(), nullptr, nullptr};
        if (c.read == Read::affine) o.prologue = {nullptr, nullptr, src_scale.data(), src_shift.data()};
        if (c.padded_with_codes) o.pad = pad.data();
        if (c.residual) o.residual = {residual.data(), dst_ld()};
        o.least = c.least;
        return o;
    }
    /// What the kernels make of it under the active ISA: codes or floats with canaries between the pixels.
    std::vector<float> result() const {
        const Qconv conv(c.g);
        std::vector<std::uint8_t> memory(conv.packed_bytes() + 64);
        void* aligned = memory.data();
        std::size_t room = memory.size();
        auto* packed = static_cast<std::byte*>(std::align(64, conv.packed_bytes(), aligned, room));
        conv.pack(plain(), packed);
        QconvOperands o = operands();
        o.packed = packed;
        const auto elements = static_cast<std::size_t>(pixels * dst_ld());
        Bytes dst(elements, kCanary);
        std::vector<float> floats(elements, kCanary);
        if (c.floats)
            o.floats = {floats.data(), dst_ld()};
        else
            o.dst = {dst.data(), dst_ld()};
        conv.run(c.g.n, o);
        return c.floats ? floats : std::vector<float>(dst.begin(), dst.end());
    }
    std::vector<float> truth() const {
        std::vector<float> wide(static_cast<std::size_t>(pixels * dst_ld()), kCanary);
        const std::vector<float> dense = qconv_oracle(c.g, plain(), operands());
        for (std::size_t i = 0; i < dense.size(); ++i) {
            const auto oc = static_cast<std::size_t>(c.g.oc);
            wide[i / oc * static_cast<std::size_t>(dst_ld()) + i % oc] =
                c.floats ? dense[i] : oracle_quantized(dense[i]);
        }
        return wide;
    }

    Case c;
    Random random;
    std::int64_t pixels = 0;
    Bytes src, residual, pad, low, high;
    std::vector<std::int8_t> weights;
    std::vector<float> scale, shift, residual_scale, src_scale, src_shift;
};

void check(const Case& c, std::uint64_t seed = 1) {
    INFO(text(c));
    const Problem problem(c, seed);
    const std::vector<float> truth = problem.truth();
    for_each_isa([&] {
        for (const int threads : {1, 3}) {
            INFO(threads << " threads");
            const ThreadScope team(threads);
            const bool equal = problem.result() == truth;
            CHECK(equal);
        }
    });
}

Conv2dGeometry square(std::int64_t n, std::int64_t size, std::int64_t ic, std::int64_t oc, int kernel, int stride = 1,
                      int groups = 1) {
    Conv2dGeometry g{n, ic, size, size, oc, kernel, kernel, stride, stride, kernel / 2, kernel / 2};
    g.groups = groups;
    return g;
}

}  // namespace

TEST_CASE("qconv: the layers of the models in small") {
    for (const Conv2dGeometry& g :
         {square(2, 30, 3, 64, 7, 2), square(1, 14, 64, 64, 1), square(2, 14, 64, 256, 1), square(1, 14, 64, 128, 1, 2),
          square(2, 14, 64, 64, 3), square(1, 14, 128, 32, 3), square(3, 7, 128, 128, 3, 2), square(3, 7, 96, 128, 1),
          square(1, 7, 512, 64, 1), Conv2dGeometry{3, 64, 1, 1, 14, 1, 1}, Conv2dGeometry{2, 32, 3, 3, 1000, 3, 3}})
        check({g});
}

TEST_CASE("qconv: everything around the sums") {
    const Conv2dGeometry g = square(2, 9, 40, 52, 3);
    for (const Read read : {Read::plain, Read::clamped, Read::affine})
        for (const bool residual : {false, true})
            for (const bool floats : {false, true})
                check({g, read, residual, floats, true, false, 24, 12, floats ? kNone : 31.0F});
    check({square(2, 9, 5, 20, 3), Read::clamped, true, false, true});
    check({square(2, 9, 5, 20, 3), Read::affine, false, true, true, false, 3, 3, kNone});
}

TEST_CASE("qconv: the ends of the ranges, and long sums") {
    for (const Conv2dGeometry& g : {square(1, 7, 64, 64, 3), square(1, 5, 3, 16, 7),
                                    Conv2dGeometry{1, 65793, 1, 1, 3, 1, 1}, Conv2dGeometry{1, 7310, 3, 3, 2, 3, 3}})
        check({g, Read::plain, true, false, true, true});
    // All 255 times all -128 or 127: the largest sums that there are.
    for (const int weight : {-128, 127})
        for_each_isa([&] {
            const std::int64_t products = 65793;
            Problem problem(
                {Conv2dGeometry{1, products, 1, 1, 1, 1, 1}, Read::plain, false, true, false, true, 0, 0, kNone}, 1);
            std::fill(problem.src.begin(), problem.src.end(), std::uint8_t{255});
            std::fill(problem.weights.begin(), problem.weights.end(), static_cast<std::int8_t>(weight));
            problem.scale = {1};
            problem.shift = {0};
            CHECK(problem.result().front() == static_cast<float>(products * 255 * weight));
        });
    CHECK_THROWS_WITH(Qconv(Conv2dGeometry{1, 65794, 1, 1, 1, 1, 1}),
                      contains("wanted sums of at most 65793 products, got 65794"));
}

TEST_CASE("qconv: halves are rounded to the even code, results beyond the codes saturate") {
    for_each_isa([&] {
        std::vector<float> results, wanted{0, 0, 2, 2, 4, 254, 254, 255, 255, 255, 0, 0, 255, 0};
        for (const float v :
             {-0.5F, 0.5F, 1.5F, 2.5F, 3.5F, 253.5F, 254.5F, 255.4F, 255.5F, 3e9F, -1.0F, -3e9F, 3e38F, -3e38F}) {
            Problem problem({Conv2dGeometry{1, 4, 1, 1, 1, 1, 1}}, 1);
            problem.scale = {0};
            problem.shift = {v};
            results.push_back(problem.result().front());
        }
        CHECK(results == wanted);
    });
}

TEST_CASE("qconv: lines of narrow pixels, rows of windows outside the map") {
    for (const std::int64_t channels : {3, 20}) {  // lines are padded and kept; taps are read in place
        Conv2dGeometry g{2, 2 * channels, 12, 31, 2 * 24, 3, 5, 2, 2, 4, 3};
        g.groups = 2;
        for (const Read read : {Read::plain, Read::clamped, Read::affine})
            for (const bool pad : {false, true}) check({g, read, false, false, pad, false, pad ? 7 : 0, 5});
        g.dilation_h = 3;
        check({g});
        check({Conv2dGeometry{1, channels, 40, 17, 70, 7, 3, 1, 1, 6, 1}, Read::plain, true});
    }
}

TEST_CASE("qconv: random geometries") {
    Random random(7, Draw::synthesize);
    const auto draw = [&](std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(random.bits() % static_cast<std::uint64_t>(high - low + 1));
    };
    for (int i = 0; i < 60; ++i) {
        const std::int64_t groups = draw(0, 3) == 0 ? draw(2, 4) : 1;
        Conv2dGeometry g{draw(1, 3),
                         groups * draw(1, 40),
                         draw(5, 15),
                         draw(5, 15),
                         groups * draw(1, 70),
                         static_cast<int>(draw(1, 5)),
                         static_cast<int>(draw(1, 5))};
        g.stride_h = static_cast<int>(draw(1, 3));
        g.stride_w = static_cast<int>(draw(1, 3));
        g.pad_h = static_cast<int>(draw(0, 3));
        g.pad_w = static_cast<int>(draw(0, 3));
        if (draw(0, 3) == 0 && g.kh <= 3 && g.kw <= 3) g.dilation_h = g.dilation_w = 2;
        g.groups = static_cast<int>(groups);
        Case c{g, static_cast<Read>(draw(0, 2))};
        c.residual = draw(0, 1) != 0;
        c.floats = draw(0, 3) == 0;
        c.padded_with_codes = draw(0, 1) != 0;
        c.extremes = draw(0, 4) == 0;
        c.src_gap = draw(0, 1) * draw(1, 9);
        c.dst_gap = draw(0, 1) * draw(1, 9);
        c.least = c.floats ? kNone : static_cast<float>(draw(0, 1) * draw(0, 255));
        check(c, static_cast<std::uint64_t>(i));
    }
}
