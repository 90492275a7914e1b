// Normalizations against plain loops in double.
#include "graph/ops/norm.h"

#include "tests/graph/ops/one_op.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::test;
using graph::InstanceNorm;
using graph::LayerNorm;
using graph::LocalResponseNorm;

namespace {

struct Truth {
    std::vector<double> values, bounds;
};

/// Normalizes the elements `at`, and says how far a float result may be: one rounding, and what double sums of that
/// many terms lose (2^-53 of the largest magnitude each, in the mean and in the deviations).
void normalize(const Maps& src, const std::vector<std::size_t>& at, const std::vector<double>& scale,
               const std::vector<double>& shift, float eps, Truth& truth) {
    double mean = 0, variance = 0, most = 0;
    for (const std::size_t i : at) {
        mean += double{src.values[i]} / static_cast<double>(at.size());
        most = std::max(most, std::abs(double{src.values[i]}));
    }
    for (const std::size_t i : at)
        variance += std::pow(double{src.values[i]} - mean, 2) / static_cast<double>(at.size());
    const double factor = 1 / std::sqrt(variance + double{eps});
    for (std::size_t k = 0; k < at.size(); ++k) {
        const double value = (double{src.values[at[k]]} - mean) * factor * scale[k] + shift[k];
        truth.values[at[k]] = value;
        truth.bounds[at[k]] = kRoundoff * std::abs(value) +
                              static_cast<double>(at.size()) * 0x1p-51 * (most * factor + 1) * (std::abs(scale[k]) + 1);
    }
}

std::vector<double> or_all(const std::vector<float>& values, std::int64_t c, double otherwise) {
    return values.empty() ? std::vector<double>(static_cast<std::size_t>(c), otherwise) : widened(values);
}

Truth layer_truth(const Maps& src, const LayerNorm& op) {
    Truth truth{std::vector<double>(src.values.size()), std::vector<double>(src.values.size())};
    for (std::size_t p = 0; p < src.values.size(); p += static_cast<std::size_t>(src.c)) {
        std::vector<std::size_t> at;
        for (std::int64_t k = 0; k < src.c; ++k) at.push_back(p + static_cast<std::size_t>(k));
        normalize(src, at, or_all(op.scale, src.c, 1), or_all(op.shift, src.c, 0), op.eps, truth);
    }
    return truth;
}

Truth instance_truth(const Maps& src, const InstanceNorm& op) {
    Truth truth{std::vector<double>(src.values.size()), std::vector<double>(src.values.size())};
    for (std::int64_t i = 0; i < src.n; ++i)
        for (std::int64_t k = 0; k < src.c; ++k) {
            std::vector<std::size_t> at;
            for (std::int64_t y = 0; y < src.h; ++y)
                for (std::int64_t x = 0; x < src.w; ++x) at.push_back(src.index(i, y, x, k));
            const auto c = static_cast<std::size_t>(k);
            const std::vector<double> scale(at.size(), op.scale.empty() ? 1 : double{op.scale[c]}),
                shift(at.size(), op.shift.empty() ? 0 : double{op.shift[c]});
            normalize(src, at, scale, shift, op.eps, truth);
        }
    return truth;
}

/// A map whose mean is far from 0: what a variance of squares minus the squared mean would not survive.
Maps far_from_zero(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
    return Maps::random(n, h, w, c, 1, 999, 1001);
}

/// Runs on every ISA, alone and in wider buffers, and holds the result against the truth; all ISAs give the same bits.
template <class Norm>
void check_norm(const Maps& src, const Norm& op, const Truth& truth) {
    for (const Gaps& gaps : kGaps) {
        std::vector<float> first;
        for_each_isa([&] {
            CAPTURE(src.c, gaps.before);
            const Maps got = run_op(src, {src.h, src.w, src.c}, gaps, op);
            CHECK(outliers(got.values, truth.values, truth.bounds) == 0);
            if (first.empty()) first = got.values;
            CHECK(got.values == first);
        });
    }
}

}  // namespace

TEST_CASE("Layer norm errs by one rounding, on every ISA by the same", "[norm]") {
    for (const std::int64_t c : {1, 2, 7, 16, 31, 96, 113})
        for (const bool far : {false, true}) {
            const Maps src = far ? far_from_zero(2, 3, 2, c) : Maps::random(2, 3, 2, c, 1);
            const LayerNorm plain{{}, {}, 1e-6F}, full{uniform(c, 2, -2, 2), uniform(c, 3), 1e-5F},
                scaled{uniform(c, 2, -2, 2), {}, 0.5F};
            for (const LayerNorm& op : {plain, full, scaled}) check_norm(src, op, layer_truth(src, op));
        }
}

TEST_CASE("Instance norm errs by one rounding, each image by itself", "[norm]") {
    for (const std::int64_t c : {1, 3, 17})
        for (const auto& [h, w] : {std::pair{1, 1}, {5, 7}, {40, 60}})
            for (const bool far : {false, true}) {
                const Maps src = far ? far_from_zero(2, h, w, c) : Maps::random(2, h, w, c, 1);
                const InstanceNorm plain, full{uniform(c, 2, -2, 2), uniform(c, 3), 1e-3F};
                for (const InstanceNorm& op : {plain, full}) check_norm(src, op, instance_truth(src, op));
            }
}

TEST_CASE("Norms of NaN are NaN, and of nothing but one number the shift", "[norm]") {
    Maps src = Maps::random(1, 2, 1, 20, 1);
    src.values[3] = kNaN;
    const std::vector<float> shift = uniform(20, 2);
    for_each_isa([&] {
        const Maps got = run_op(src, {2, 1, 20}, {}, LayerNorm{{}, shift, 1e-5F});
        CHECK(std::all_of(got.values.begin(), got.values.begin() + 20, [](float v) { return std::isnan(v); }));
        CHECK(std::none_of(got.values.begin() + 20, got.values.end(), [](float v) { return std::isnan(v); }));
        std::fill_n(src.values.begin(), 40, 0.1F);  // the mean of equal numbers is exact to 2^-53 of them
        const Maps same_everywhere = run_op(src, {2, 1, 20}, {}, LayerNorm{{}, shift, 1e-5F});
        for (std::size_t i = 0; i < 40; ++i)
            CHECK(std::abs(double{same_everywhere.values[i]} - double{shift[i % 20]}) <= kRoundoff);
        src.values[3] = kNaN;
    });
}

TEST_CASE("Local response norm is ONNX's formula, within one rounding", "[norm]") {
    for (const auto& [size, c] : {std::pair{5, 13}, {4, 9}, {1, 3}, {2, 1}, {1024, 6}})
        for (const float beta : {0.75F, 0.5F, 1.3F, -0.2F}) {
            const LocalResponseNorm op{size, 0.3F, beta, 1.5F};
            const Maps src = Maps::random(2, 2, 3, c, 1, -3, 3);
            std::vector<double> truth, bounds;
            src.for_each([&](std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t k, std::size_t element) {
                double sum = 0;
                const auto first = k - static_cast<std::int64_t>(std::floor((size - 1) / 2.0)),
                           last = k + static_cast<std::int64_t>(std::ceil((size - 1) / 2.0));
                for (std::int64_t j = std::max<std::int64_t>(0, first); j <= std::min(src.c - 1, last); ++j)
                    sum += std::pow(double{src.at(i, y, x, j)}, 2);
                truth.push_back(double{src.values[element]} /
                                std::pow(double{op.bias} + double{op.alpha} / size * sum, double{beta}));
                bounds.push_back(kRoundoff * (1 + 1e-6) * std::abs(truth.back()));  // doubles err by far less
            });
            for (const Gaps& gaps : kGaps)
                CHECK(outliers(run_op(src, {2, 3, src.c}, gaps, op).values, truth, bounds) == 0);
        }
}

TEST_CASE("Norms that do not fit are refused", "[norm]") {
    const graph::Buffer map{2, 2, 3};
    const auto refused = [&](const graph::Buffer& dst, const graph::Op& op, const char* why) {
        CHECK_THROWS_WITH(check_op(map, dst, op), contains(why));
    };
    refused({2, 2, 4}, LayerNorm{}, "a dst of src's extents");
    refused(map, LayerNorm{{1, 2}, {}, 0}, "finite factors of each channel");
    refused(map, LayerNorm{{}, {1, 2, kNaN}, 0}, "finite factors of each channel");
    refused(map, InstanceNorm{{}, {}, -1}, "an eps of at least 0");
    refused(map, LayerNorm{{}, {}, kNaN}, "an eps of at least 0");
    refused(map, LocalResponseNorm{.size = 0}, "a size of 1 to 1024");
    refused(map, LocalResponseNorm{.size = 1025}, "a size of 1 to 1024");
}
