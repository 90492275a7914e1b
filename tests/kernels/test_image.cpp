#include "kernels/image/image.h"

#include "kernels/image/reference.h"
#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

TEST_CASE("blend_rows gives the reference's bits and writes nothing else", "[image]") {
    for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 61, 1024})
        for (const int count : {0, 1, 2, 9, 37}) {
            const std::int64_t ld = n + 3;
            std::vector<std::uint8_t> src(static_cast<std::size_t>(ld * count));
            for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<std::uint8_t>(i * 37 + i / 256);
            const auto weights = uniform(count, 1, -0.2F, 1.0F);
            std::vector<float> want(static_cast<std::size_t>(n));
            reference::blend_rows({n, ld, count}, weights.data(), src.data(), want.data());
            for_each_isa([&] {
                CAPTURE(n, count);
                std::vector<float> dst(want.size() + 1, 7.0F);
                blend_rows({n, ld, count}, weights.data(), src.data(), dst.data());
                CHECK(std::equal(want.begin(), want.end(), dst.begin()));
                CHECK(dst.back() == 7.0F);
            });
        }
}
