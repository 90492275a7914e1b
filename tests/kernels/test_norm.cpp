// Layer norm: every variant the same bits as the reference, and both within a rounding of the formula.
#include "kernels/norm/norm.h"

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

constexpr std::int64_t kPixels = 5;

/// The formula, and how far a float may be from it: one rounding, and what double sums of c terms lose.
void truth_of(const std::vector<float>& src, std::int64_t c, std::int64_t ld, const std::vector<float>& scale,
              const std::vector<float>& shift, float eps, std::vector<double>& truth, std::vector<double>& bounds) {
    const auto count = static_cast<double>(c);
    for (std::int64_t p = 0; p < kPixels; ++p) {
        const float* row = src.data() + p * ld;
        double mean = 0, variance = 0, most = 0;
        for (std::int64_t i = 0; i < c; ++i) {
            mean += double{row[i]} / count;
            most = std::max(most, std::abs(double{row[i]}));
        }
        for (std::int64_t i = 0; i < c; ++i) variance += std::pow(double{row[i]} - mean, 2) / count;
        const double factor = 1 / std::sqrt(variance + double{eps});
        for (std::size_t i = 0; i < static_cast<std::size_t>(c); ++i) {
            truth.push_back((double{row[i]} - mean) * factor * double{scale[i]} + double{shift[i]});
            bounds.push_back(kRoundoff * std::abs(truth.back()) + count * 0x1p-51 * (most * factor + 1) * 3);
        }
    }
}

}  // namespace

TEST_CASE("layer_norm gives the same bits on every ISA, within a rounding of the formula", "[norm]") {
    for (const std::int64_t c : kLengths) {
        if (c == 0) continue;
        for (const std::int64_t gap : {0, 3})
            for (const float center : {0.0F, 1000.0F}) {
                const std::int64_t ld = c + gap;
                const auto src = uniform(kPixels * ld, 1, center - 1, center + 1);
                const auto scale = uniform(c, 2, -2, 2), shift = uniform(c, 3);
                std::vector<double> truth, bounds;
                truth_of(src, c, ld, scale, shift, 1e-5F, truth, bounds);
                std::vector<float> first;
                for_each_isa([&] {
                    for (const int threads : {1, 2}) {
                        CAPTURE(c, gap, center, threads);
                        const ThreadScope scope(threads);
                        std::vector<float> dst(static_cast<std::size_t>(kPixels * c), kNaN);
                        layer_norm_forward({kPixels, c, ld, c}, src.data(), scale.data(), shift.data(), 1e-5F,
                                           dst.data());
                        CHECK(outliers(dst, truth, bounds) == 0);
                        if (first.empty()) first = dst;
                        CHECK(dst == first);
                    }
                    auto in_place = src;
                    layer_norm_forward({kPixels, c, ld, ld}, in_place.data(), scale.data(), shift.data(), 1e-5F,
                                       in_place.data());
                    for (std::size_t i = 0; i < first.size(); ++i) {
                        const auto k = static_cast<std::size_t>(c);
                        CHECK(in_place[i / k * static_cast<std::size_t>(ld) + i % k] == first[i]);
                    }
                });
            }
    }
}

TEST_CASE("layer_norm without factors is that of 1 and 0", "[norm]") {
    for (const std::int64_t c : {3, 16, 37}) {
        const auto src = uniform(kPixels * c, 1);
        const std::vector<float> ones(static_cast<std::size_t>(c), 1), zeros(static_cast<std::size_t>(c), 0);
        for_each_isa([&] {
            std::vector<float> without(src.size()), with(src.size());
            layer_norm_forward({kPixels, c, c, c}, src.data(), nullptr, nullptr, 1e-5F, without.data());
            layer_norm_forward({kPixels, c, c, c}, src.data(), ones.data(), zeros.data(), 1e-5F, with.data());
            CHECK(without == with);
        });
    }
}

TEST_CASE("instance_norm does not depend on the number of threads", "[norm]") {
    const auto src = uniform(2 * 5000 * 17, 1);
    std::vector<float> first;
    for (const int threads : {1, 2, 3}) {
        const ThreadScope scope(threads);
        std::vector<float> dst(src.size());
        instance_norm_forward(2, {5000, 17, 17, 17}, src.data(), nullptr, nullptr, 1e-5F, dst.data());
        if (threads == 1) first = dst;
        CHECK(dst == first);
    }
}
