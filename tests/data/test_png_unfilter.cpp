#include "data/formats/png_unfilter.h"

#include <array>
#include <cstdlib>
#include <vector>

#include "kernels/random.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

/// The specification's text, one sample after the other.
void unfilter(int bpp, std::int64_t length, int rows, const std::uint8_t* src, const std::uint8_t* above,
              std::uint8_t* dst) {
    for (int r = 0; r < rows; ++r, above = dst, dst += length) {
        const int type = *src++;
        for (std::int64_t i = 0; i < length; ++i) {
            const int a = i < bpp ? 0 : dst[i - bpp], b = above[i], c = i < bpp ? 0 : above[i - bpp], p = a + b - c;
            const int to_a = std::abs(p - a), to_b = std::abs(p - b), to_c = std::abs(p - c);
            const int paeth = to_a <= to_b && to_a <= to_c ? a : to_b <= to_c ? b : c;
            const int predictions[] = {0, a, b, (a + b) / 2, paeth};
            dst[i] = static_cast<std::uint8_t>(*src++ + predictions[type]);
        }
    }
}

}  // namespace

TEST_CASE("Sixteen rows at once are unfiltered as one by one", "[png]") {
    Random random(1, Draw::bench);
    for (int bpp = 1; bpp <= 4; ++bpp) {
        for (const std::int64_t pixels : {1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 101}) {
            for (int rows = 1; rows <= kUnfilterRows; ++rows) {
                const std::int64_t length = pixels * bpp;
                const auto bytes = [&](std::int64_t n) {
                    std::vector<std::uint8_t> v(static_cast<std::size_t>(n));
                    // Half of the steps small, so that all of Paeth's cases occur.
                    for (auto& value : v)
                        value = static_cast<std::uint8_t>(random.below(random.chance(0.5F) ? 4 : 256));
                    return v;
                };
                std::vector<std::uint8_t> src = bytes(rows * (length + 1)), above = bytes(length);
                for (int r = 0; r < rows; ++r)
                    src[static_cast<std::size_t>(r * (length + 1))] = static_cast<std::uint8_t>(random.below(5));
                std::vector<std::uint8_t> dst(static_cast<std::size_t>(rows * length)), want(dst.size());
                png_unfilter(bpp, length, rows, src.data(), above.data(), dst.data());
                unfilter(bpp, length, rows, src.data(), above.data(), want.data());
                CAPTURE(bpp, pixels, rows);
                CHECK(dst == want);
            }
        }
    }
}

TEST_CASE("Paeth's prediction from neighbours of all sizes, ties and extremes included", "[png]") {
    int wrong = 0;
    for (int a = 0; a < 256; a += 5) {
        for (int b = 0; b < 256; b += 5) {
            for (int c = 0; c < 256; c += 5) {
                // c b above a x; a's own prediction is c, the sample above it.
                const auto above = std::array{static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(b)};
                const auto src = std::array<std::uint8_t, 3>{4, static_cast<std::uint8_t>(a - c), 0};
                std::array<std::uint8_t, 2> dst{}, want{};
                png_unfilter(1, 2, 1, src.data(), above.data(), dst.data());
                unfilter(1, 2, 1, src.data(), above.data(), want.data());
                wrong += dst != want;
            }
        }
    }
    CHECK(wrong == 0);
}
