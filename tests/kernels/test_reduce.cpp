#include "kernels/reduce/reduce.h"

#include <utility>

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

TEST_CASE("sum_of_squares adds in double, with the same bits for any number of threads", "[reduce]") {
    for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 31, 16383, 16384, 16385, 100003}) {
        const auto src = uniform(n, 1);
        double truth = 0;
        for (const float x : src) truth += static_cast<double>(x) * static_cast<double>(x);
        for_each_isa([&] {
            CAPTURE(n);
            double first = 0;
            for (const int threads : {1, 2, 3}) {
                const ThreadScope scope(threads);
                const double sum = sum_of_squares(n, src.data());
                CHECK(std::abs(sum - truth) <= static_cast<double>(n) * 0x1p-52 * truth);  // both sides round n times
                if (threads == 1) first = sum;
                CHECK(sum == first);
            }
        });
    }
}

TEST_CASE("squares neither overflow nor vanish", "[reduce]") {
    const std::vector<float> src(19, 0x1p100F), small(19, 0x1p-100F);
    for_each_isa([&] {
        CHECK(sum_of_squares(19, src.data()) == 19 * 0x1p200);
        CHECK(sum_of_squares(19, small.data()) == 19 * 0x1p-200);
    });
}

TEST_CASE("all_finite finds one bad element anywhere", "[reduce]") {
    for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 31, 40000}) {
        auto src = uniform(n, 1, -1.5e38F, 1.5e38F);
        for_each_isa([&] {
            CHECK(all_finite(n, src.data()));
            const std::size_t stride = n > 1000 ? 997 : 1;
            for (std::size_t i = 0; i < src.size(); i += stride)
                for (const float bad : {kNaN, kInfinity, -kInfinity}) {
                    const float good = std::exchange(src[i], bad);
                    CAPTURE(n, i, bad);
                    CHECK_FALSE(all_finite(n, src.data()));
                    src[i] = 2e38F;
                    CHECK(all_finite(n, src.data()));
                    CHECK_FALSE(all_finite(n, src.data(), 2.0F));
                    src[i] = good;
                }
        });
    }
}
