// Sums of codes, on every ISA: bit for bit what plain loops give.
#include <cmath>
#include <vector>

#include "kernels/qadd/qadd.h"
#include "kernels/random.h"
#include "tests/kernels/samples.h"
#include "tests/support/isa.h"
#include "tests/support/qconv_oracle.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

std::vector<std::uint8_t> any_codes(std::int64_t count, std::uint64_t seed) {
    Random random(seed, Draw::synthesize);
    std::vector<std::uint8_t> values(static_cast<std::size_t>(count));
    for (std::uint8_t& value : values) value = static_cast<std::uint8_t>(random.bits());
    return values;
}

}  // namespace

TEST_CASE("qadd: sums of codes") {
    for (const std::int64_t c : {1, 3, 7, 8, 15, 16, 17, 61, 64, 113})
        for (const float least : {0.F, 100.F}) {
            INFO(c << " channels, at least " << least);
            const BinaryGeometry g{35, c, c, c + 3, c + 5};
            const auto a = any_codes(g.rows * g.src0_ld, 1), b = any_codes(g.rows * g.src1_ld, 2);
            const auto scale = uniform(c, 3, -2, 2), other = uniform(c, 4, -2, 2), shift = uniform(c, 5, -100, 300);
            const QaddFactors factors{scale.data(), other.data(), shift.data(), least};
            for_each_isa([&] {
                constexpr std::uint8_t kUntouched = 77;
                std::vector<std::uint8_t> dst(static_cast<std::size_t>(g.rows * g.dst_ld), kUntouched), wanted = dst;
                quant_add(g, a.data(), b.data(), factors, dst.data());
                for (std::int64_t r = 0; r < g.rows; ++r)
                    for (std::int64_t i = 0; i < c; ++i) {
                        const auto at = static_cast<std::size_t>(i);
                        const float first =
                            std::fmaf(a[static_cast<std::size_t>(r * g.src0_ld + i)], scale[at], shift[at]);
                        const float v = std::fmaf(b[static_cast<std::size_t>(r * g.src1_ld + i)], other[at], first);
                        wanted[static_cast<std::size_t>(r * g.dst_ld + i)] = oracle_quantized(std::max(v, least));
                    }
                CHECK(dst == wanted);
                if (least > 0) return;
                std::vector<std::uint8_t> same = any_codes(g.rows * c, 6), sum(same.size());
                const BinaryGeometry dense{g.rows, c, c, g.src1_ld, c};
                quant_add(dense, same.data(), b.data(), factors, sum.data());
                quant_add(dense, same.data(), b.data(), factors, same.data());
                CHECK(same == sum);  // in place
            });
        }
}

TEST_CASE("qadd: halves are rounded to the even code, and the ends are 0 and 255") {
    for_each_isa([&] {
        const std::vector<std::uint8_t> a{0, 1, 2, 3, 4, 5, 250, 255}, b(a.size(), 1);
        const float one = 1, half = 0.5F, zero = 0, minus = -3;
        std::vector<std::uint8_t> dst(a.size());
        const BinaryGeometry g{std::ssize(a), 1, 1, 1, 1};
        quant_add(g, a.data(), b.data(), {&one, &half, &zero, 0}, dst.data());
        CHECK(dst == std::vector<std::uint8_t>{0, 2, 2, 4, 4, 6, 250, 255});
        quant_add(g, a.data(), b.data(), {&one, &minus, &zero, 0}, dst.data());
        CHECK(dst == std::vector<std::uint8_t>{0, 0, 0, 0, 1, 2, 247, 252});
    });
}
