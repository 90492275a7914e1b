#include "kernels/image/image.h"

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

/// Truth and bounds of (x / range - mean) / std, where x and range * mean are at most `range`, as float rounds the latter.
struct Expected {
    std::vector<double> truth, bounds;
    template <class Source>
    Expected(const std::vector<Source>& src, double range, const std::vector<float>& mean, const std::vector<float>& std) {
        for (std::size_t i = 0; i < src.size(); ++i) {
            const double m = mean[i % mean.size()], s = std[i % std.size()], x = static_cast<double>(src[i]) / range;
            truth.push_back((x - m) / s);
            // the offset, the difference, the factor, the product: each errs by u times at most (x + m) / s
            bounds.push_back(4 * kRoundoff * (x + m) / s);
        }
    }
};

}  // namespace

TEST_CASE("normalize_u8 of every byte, for any number of channels", "[image]") {
    for (const int c : {1, 2, 3, 4, 14, 33})
        for (const std::int64_t pixels : {0, 1, 5, 63, 64, 65, 257, 20011}) {
            std::vector<std::uint8_t> src(static_cast<std::size_t>(pixels * c));
            for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<std::uint8_t>(i * 7);
            const auto mean = uniform(c, 1, 0.2F, 0.8F), std = uniform(c, 2, 0.1F, 0.5F);
            const Expected expected(src, 255, mean, std);
            for_each_isa([&] {
                CAPTURE(c, pixels);
                std::vector<float> dst(src.size(), kNaN);
                normalize_u8({pixels, c}, src.data(), mean.data(), std.data(), dst.data());
                CHECK(outliers(dst, expected.truth, expected.bounds) == 0);
            });
        }
}

TEST_CASE("normalize, and in place", "[image]") {
    for (const int c : {1, 3, 14})
        for (const std::int64_t pixels : {1, 7, 65, 20011}) {
            const auto src = uniform(pixels * c, 3, 0, 1), mean = uniform(c, 1, 0.2F, 0.8F), std = uniform(c, 2, 0.1F, 0.5F);
            const Expected expected(src, 1, mean, std);
            for_each_isa([&] {
                CAPTURE(c, pixels);
                std::vector<float> dst(src.size()), in_place = src;
                normalize({pixels, c}, src.data(), mean.data(), std.data(), dst.data());
                normalize({pixels, c}, in_place.data(), mean.data(), std.data(), in_place.data());
                CHECK(outliers(dst, expected.truth, expected.bounds) == 0);
                CHECK(in_place == dst);
            });
        }
}
