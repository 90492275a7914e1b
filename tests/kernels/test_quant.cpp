// Codes to and from floats, and their pooling, on every ISA: bit for bit what plain loops give.
#include <cmath>
#include <vector>

#include "kernels/quant/quant.h"
#include "kernels/random.h"
#include "tests/kernels/samples.h"
#include "tests/support/isa.h"
#include "tests/support/qconv_oracle.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::uint8_t kCanary = 77;

Bytes codes(std::int64_t count, std::uint64_t seed) {
    Random random(seed, Draw::synthesize);
    Bytes values(static_cast<std::size_t>(count));
    for (std::uint8_t& value : values) value = static_cast<std::uint8_t>(random.bits());
    return values;
}

/// Everything that a pool of codes reads, of a geometry.
struct Pooling {
    explicit Pooling(const PoolGeometry& of) : g(of) {
        for (std::int64_t i = 0; i < g.c; ++i)
            if (low[static_cast<std::size_t>(i)] > high[static_cast<std::size_t>(i)])
                std::swap(low[static_cast<std::size_t>(i)], high[static_cast<std::size_t>(i)]);
    }
    QuantPrologue prologue(int kind) const {
        if (kind == 1) return {low.data(), high.data(), nullptr, nullptr};
        if (kind == 2) return {nullptr, nullptr, scale.data(), shift.data()};
        return {};
    }
    std::int64_t results() const { return g.n * g.oh * g.ow * g.dst_ld; }
    /// f(sum or maximum so far, code) over the window of a result, from the codes that lie in it; -1 is a pixel
    /// outside.
    template <class F>
    void for_window(std::int64_t pixel, std::int64_t c, const QuantPrologue& b, bool adaptive, F f) const {
        const std::int64_t n = pixel / g.ow / g.oh, oy = pixel / g.ow % g.oh, ox = pixel % g.ow;
        const std::int64_t y0 = adaptive ? oy * g.ih / g.oh : oy * g.stride - g.pad,
                           x0 = adaptive ? ox * g.iw / g.ow : ox * g.stride - g.pad;
        const std::int64_t y1 = adaptive ? ((oy + 1) * g.ih + g.oh - 1) / g.oh : y0 + g.kh,
                           x1 = adaptive ? ((ox + 1) * g.iw + g.ow - 1) / g.ow : x0 + g.kw;
        for (std::int64_t y = y0; y < y1; ++y)
            for (std::int64_t x = x0; x < x1; ++x) {
                const bool inside = y >= 0 && y < g.ih && x >= 0 && x < g.iw;
                f(inside ? int{oracle_prologue(
                               b, src[static_cast<std::size_t>(((n * g.ih + y) * g.iw + x) * g.src_ld + c)], c)}
                         : -1);
            }
    }

    PoolGeometry g;
    Bytes src = codes(g.n * g.ih * g.iw * g.src_ld, 1), low = codes(g.c, 2), high = codes(g.c, 3), pad = codes(g.c, 4);
    std::vector<float> scale = uniform(g.c, 5, -2, 2), shift = uniform(g.c, 6, -200, 400);
};

const PoolGeometry kPools[] = {{2, 9, 11, 64, 4, 5, 3, 3, 2, 1, 64, 64},
                               {1, 8, 8, 130, 4, 4, 2, 2, 2, 0, 150, 131},
                               {3, 7, 7, 37, 7, 7, 3, 3, 1, 1, 40, 37},
                               {1, 5, 6, 3, 3, 3, 3, 3, 2, 1, 3, 9},
                               {2, 12, 10, 17, 4, 4, 5, 4, 2, 1, 17, 17}};

}  // namespace

TEST_CASE("quant: floats to codes and back") {
    for (const std::int64_t c : {1, 3, 4, 8, 15, 16, 17, 61, 64, 113})
        for (const std::int64_t rows : {1, 16, 35})
            for (const std::int64_t gap : {0, 5}) {
                INFO(rows << " rows of " << c << " channels, " << gap << " between");
                const UnaryGeometry g{rows, c, c + gap, c + gap};
                std::vector<float> src = uniform(rows * g.src_ld, 1, -5, 5);
                src[0] = kNaN;
                src[src.size() / 2] = kInfinity;
                const auto scale = uniform(c, 2, 10, 60), shift = uniform(c, 3, 0, 255), back = uniform(c, 4);
                const Bytes from = codes(rows * g.src_ld, 5);
                for_each_isa([&] {
                    Bytes dst(src.size(), kCanary), wanted = dst;
                    std::vector<float> floats(src.size(), kCanary), wanted_floats = floats;
                    quantize(g, src.data(), scale.data(), shift.data(), dst.data());
                    dequantize(g, from.data(), back.data(), shift.data(), floats.data());
                    for (std::int64_t r = 0; r < rows; ++r)
                        for (std::int64_t i = 0; i < c; ++i) {
                            const auto at = static_cast<std::size_t>(r * g.src_ld + i),
                                       channel = static_cast<std::size_t>(i);
                            const float v = std::fmaf(src[at], scale[channel], shift[channel]);
                            wanted[at] = std::isnan(v) ? std::uint8_t{0} : oracle_quantized(v);
                            wanted_floats[at] = std::fmaf(from[at], back[channel], shift[channel]);
                        }
                    CHECK(dst == wanted);
                    CHECK(floats == wanted_floats);
                });
            }
}

TEST_CASE("quant: every half is rounded to the even code") {
    std::vector<float> src, one(1, 1), zero(1, 0);
    Bytes wanted;
    for (int i = 0; i < 255; ++i) {
        src.push_back(static_cast<float>(i) + 0.5F);
        wanted.push_back(static_cast<std::uint8_t>(i % 2 == 0 ? i : i + 1));
    }
    for_each_isa([&] {
        Bytes dst(src.size());
        quantize({std::ssize(src), 1, 1, 1}, src.data(), one.data(), zero.data(), dst.data());
        CHECK(dst == wanted);
    });
}

TEST_CASE("quant: maximum pool") {
    for (const PoolGeometry& g : kPools)
        for (const int kind : {0, 1, 2}) {
            const Pooling p(g);
            const QuantPrologue prologue = p.prologue(kind);
            Bytes wanted(static_cast<std::size_t>(p.results()), kCanary);
            for (std::int64_t pixel = 0; pixel < g.n * g.oh * g.ow; ++pixel)
                for (std::int64_t c = 0; c < g.c; ++c) {
                    int best = 0;
                    p.for_window(pixel, c, prologue, false, [&](int code) { best = std::max(best, code); });
                    wanted[static_cast<std::size_t>(pixel * g.dst_ld + c)] = static_cast<std::uint8_t>(best);
                }
            for_each_isa([&] {
                Bytes dst(wanted.size(), kCanary);
                quant_max_pool(g, p.src.data(), prologue, dst.data());
                CHECK(dst == wanted);
            });
        }
}

TEST_CASE("quant: average pools, to codes and to floats") {
    for (const PoolGeometry& g : kPools)
        for (const int kind : {0, 1, 2})
            for (const bool adaptive : {false, true}) {
                const Pooling p(g);
                QuantAverage average;
                average.prologue = p.prologue(kind);
                average.pad = p.pad.data();
                average.scale = p.scale.data();
                average.shift = p.shift.data();
                std::vector<float> wanted(static_cast<std::size_t>(p.results()), kCanary), wanted_quantized = wanted;
                for (std::int64_t pixel = 0; pixel < g.n * g.oh * g.ow; ++pixel)
                    for (std::int64_t c = 0; c < g.c; ++c) {
                        int sum = 0, area = 0;
                        p.for_window(pixel, c, average.prologue, adaptive, [&](int code) {
                            sum += code < 0 ? p.pad[static_cast<std::size_t>(c)] : code;
                            ++area;
                        });
                        const auto at = static_cast<std::size_t>(pixel * g.dst_ld + c),
                                   channel = static_cast<std::size_t>(c);
                        wanted[at] = std::fmaf(static_cast<float>(sum) * (1.0F / static_cast<float>(area)),
                                               p.scale[channel], p.shift[channel]);
                        wanted_quantized[at] = oracle_quantized(wanted[at]);
                    }
                for_each_isa([&] {
                    Bytes dst(wanted.size(), kCanary);
                    std::vector<float> floats(wanted.size(), kCanary);
                    const auto run = adaptive ? quant_adaptive_avg_pool : quant_avg_pool;
                    average.dst = dst.data();
                    run(g, p.src.data(), average);
                    average.dst = nullptr;
                    average.floats = floats.data();
                    run(g, p.src.data(), average);
                    CHECK(std::vector<float>(dst.begin(), dst.end()) == wanted_quantized);
                    CHECK(floats == wanted);
                });
            }
}
