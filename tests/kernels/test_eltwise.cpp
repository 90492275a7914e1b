// The element-wise kernels against their formulas: exactly where the arithmetic is one operation.
#include "kernels/eltwise/eltwise.h"

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

constexpr std::int64_t kRows = 5;

float relu(float x) { return x <= 0 ? 0 : x; }

/// Values with signs, zeros, a NaN and infinities among them.
std::vector<float> spiced(std::int64_t n, std::uint64_t seed) {
    std::vector<float> values = uniform(n, seed);
    const float spices[] = {0.0F, -0.0F, kNaN, kInfinity, -kInfinity, 1e-42F};
    for (std::size_t i = 2, k = 0; i < values.size(); i += 7, ++k) values[i] = spices[k % std::size(spices)];
    return values;
}

/// Runs run(geometry, src, dst) for every length, dense, spread and in place, and holds dst against formula(src, dst
/// before).
template <class Run, class Formula>
void check_unary(Run run, Formula formula) {
    for (const std::int64_t c : kLengths)
        for (const std::int64_t gap : {0, 3})
            for (const bool in_place : {false, true}) {
                const std::int64_t src_ld = c + gap, dst_ld = in_place ? src_ld : c + 2 * gap;
                const auto src = spiced(kRows * src_ld, 1), before = in_place ? src : spiced(kRows * dst_ld, 2);
                auto wanted = before;
                for (std::int64_t r = 0; r < kRows; ++r)
                    for (std::int64_t i = 0; i < c; ++i) {
                        float& d = wanted[static_cast<std::size_t>(r * dst_ld + i)];
                        d = formula(src[static_cast<std::size_t>(r * src_ld + i)], d);
                    }
                for_each_isa([&] {
                    CAPTURE(c, gap, in_place);
                    auto dst = before;
                    run(UnaryGeometry{kRows, c, src_ld, dst_ld}, in_place ? dst.data() : src.data(), dst.data());
                    CHECK(same(dst, wanted));
                });
            }
}

template <class Run, class Formula>
void check_binary(Run run, Formula formula) {
    for (const std::int64_t c : kLengths)
        for (const std::int64_t gap : {0, 3})
            for (const bool in_place : {false, true}) {
                const std::int64_t ld0 = c + gap, ld1 = c + 2 * gap, dst_ld = in_place ? ld1 : c + gap;
                const auto src0 = spiced(kRows * ld0, 1), src1 = spiced(kRows * ld1, 2);
                const auto before = in_place ? src1 : spiced(kRows * dst_ld, 3);
                auto wanted = before;
                for (std::int64_t r = 0; r < kRows; ++r)
                    for (std::int64_t i = 0; i < c; ++i)
                        wanted[static_cast<std::size_t>(r * dst_ld + i)] = formula(
                            src0[static_cast<std::size_t>(r * ld0 + i)], src1[static_cast<std::size_t>(r * ld1 + i)]);
                for_each_isa([&] {
                    CAPTURE(c, gap, in_place);
                    auto dst = before;
                    run(BinaryGeometry{kRows, c, ld0, ld1, dst_ld}, src0.data(), in_place ? dst.data() : src1.data(),
                        dst.data());
                    CHECK(same(dst, wanted));
                });
            }
}

}  // namespace

TEST_CASE("copy, accumulate, scale and relu are exact, in place and between the gaps of a wider buffer", "[eltwise]") {
    check_unary([](const auto& g, const float* src, float* dst) { copy(g, src, dst); },
                [](float s, float) { return s; });
    check_unary([](const auto& g, const float* src, float* dst) { accumulate(g, src, dst); },
                [](float s, float d) { return d + s; });
    check_unary([](const auto& g, const float* src, float* dst) { scale(g, 0.3F, src, dst); },
                [](float s, float) { return 0.3F * s; });
    check_unary([](const auto& g, const float* src, float* dst) { relu_forward(g, src, dst); },
                [](float s, float) { return relu(s); });
}

TEST_CASE("add, add_relu and relu_backward are exact, in place and between the gaps of a wider buffer", "[eltwise]") {
    check_binary([](const auto& g, const float* a, const float* b, float* dst) { add_forward(g, a, b, dst); },
                 [](float a, float b) { return a + b; });
    check_binary([](const auto& g, const float* a, const float* b, float* dst) { add_relu_forward(g, a, b, dst); },
                 [](float a, float b) { return relu(a + b); });
    check_binary([](const auto& g, const float* a, const float* b, float* dst) { relu_backward(g, a, b, dst); },
                 [](float d, float diff) { return d <= 0 ? 0 : diff; });
}

TEST_CASE("large maps are split over threads without seams", "[eltwise]") {
    for (const std::int64_t gap : {0, 5}) {
        const BinaryGeometry g{4099, 37, 37 + gap, 37 + gap, 37 + gap};
        const auto a = uniform(g.rows * g.src0_ld, 1), b = uniform(g.rows * g.src1_ld, 2);
        std::vector<float> wanted(a.size(), 7.0F);
        for (std::int64_t r = 0; r < g.rows; ++r)
            for (std::int64_t i = 0; i < g.c; ++i) {
                const auto at = static_cast<std::size_t>(r * g.dst_ld + i);
                wanted[at] = a[at] + b[at];
            }
        for (const int threads : {1, 2, 3}) {
            const ThreadScope scope(threads);
            std::vector<float> dst(a.size(), 7.0F);
            add_forward(g, a.data(), b.data(), dst.data());
            CHECK(same(dst, wanted));
        }
    }
}

TEST_CASE("affine_forward rounds once, in place and between the gaps of a wider buffer", "[eltwise]") {
    for (const std::int64_t c : kLengths)
        for (const std::int64_t gap : {0, 3})
            for (const bool clip : {false, true})
                for (const bool in_place : {false, true}) {
                    const std::int64_t src_ld = c + gap, dst_ld = in_place ? src_ld : c + 2 * gap;
                    const auto src = spiced(kRows * src_ld, 1), before = in_place ? src : spiced(kRows * dst_ld, 2);
                    const auto scales = uniform(c, 3, -2, 2), shifts = uniform(c, 4);
                    auto wanted = before;
                    for (std::int64_t r = 0; r < kRows; ++r)
                        for (std::int64_t i = 0; i < c; ++i) {
                            const auto k = static_cast<std::size_t>(i);
                            const float value =
                                std::fma(src[static_cast<std::size_t>(r * src_ld + i)], scales[k], shifts[k]);
                            wanted[static_cast<std::size_t>(r * dst_ld + i)] = clip ? relu(value) : value;
                        }
                    for_each_isa([&] {
                        CAPTURE(c, gap, clip, in_place);
                        auto dst = before;
                        affine_forward({kRows, c, src_ld, dst_ld}, in_place ? dst.data() : src.data(), scales.data(),
                                       shifts.data(), clip, dst.data());
                        CHECK(same(dst, wanted));
                    });
                }
}

TEST_CASE("add_bias adds the same row to every row", "[eltwise]") {
    for (const std::int64_t c : kLengths) {
        const std::int64_t ld = c + 2;
        const auto bias = spiced(c, 1), before = uniform(kRows * ld, 2);
        auto wanted = before;
        for (std::int64_t r = 0; r < kRows; ++r)
            for (std::int64_t i = 0; i < c; ++i)
                wanted[static_cast<std::size_t>(r * ld + i)] += bias[static_cast<std::size_t>(i)];
        for_each_isa([&] {
            auto dst = before;
            add_bias({kRows, c, 0, ld}, bias.data(), dst.data());
            CHECK(same(dst, wanted));
        });
    }
}

TEST_CASE("column_sum errs by the four roundings of its float trees at most, whatever the number of threads",
          "[eltwise]") {
    for (const std::int64_t c : kLengths)
        for (const std::int64_t rows : {0, 1, 7, 8, 9, 2111}) {
            const std::int64_t ld = c + 3;
            const auto src = uniform(rows * ld, 1, -1, 3);
            std::vector<double> truth(static_cast<std::size_t>(c)), bounds(truth.size());
            for (std::int64_t r = 0; r < rows; ++r)
                for (std::size_t i = 0; i < truth.size(); ++i) {
                    const auto x = static_cast<double>(src[static_cast<std::size_t>(r * ld) + i]);
                    truth[i] += x;
                    bounds[i] += 4 * kRoundoff * std::abs(x);  // three levels of the tree, the result
                }
            for_each_isa([&] {
                CAPTURE(c, rows);
                std::vector<float> first;
                for (const int threads : {1, 2, 3}) {
                    const ThreadScope scope(threads);
                    std::vector<float> sums(truth.size(), kNaN);
                    column_sum({rows, c, ld, 0}, src.data(), sums.data());
                    CHECK(outliers(sums, truth, bounds) == 0);
                    if (threads == 1) first = sums;
                    CHECK(sums == first);
                }
            });
        }
}

TEST_CASE("moving_average keeps the decay's share", "[eltwise]") {
    for (const std::int64_t n : kLengths) {
        const auto src = uniform(n, 1), before = uniform(n, 2);
        std::vector<double> truth, bounds;
        for (std::size_t i = 0; i < src.size(); ++i) {
            const double s = src[i], d = before[i], decay = static_cast<double>(0.999F);
            truth.push_back(decay * d + (1 - decay) * s);
            bounds.push_back(3 * kRoundoff * (std::abs(d) + std::abs(s)));  // two products and a sum
        }
        for_each_isa([&] {
            auto shadow = before;
            moving_average(n, 0.999F, src.data(), shadow.data());
            CHECK(outliers(shadow, truth, bounds) == 0);
        });
    }
}

TEST_CASE("double runs on the reference", "[eltwise]") {
    const std::vector<double> a{1, -2, 1e-300, 4}, b{0.5, 1, 2, -8};
    std::vector<double> dst(4);
    add_relu_forward({2, 2, 2, 2, 2}, a.data(), b.data(), dst.data());
    CHECK(dst == std::vector<double>{1.5, 0, 2 + 1e-300, 0});
}

TEST_CASE("large maps, which are written past the caches, hold the same as small ones", "[eltwise]") {
    constexpr std::int64_t kManyRows = 70001, kPiece = 100, kC = 48, kLd = 64;  // beyond a million elements
    const auto src = uniform(kManyRows * kLd, 1), other = uniform(kManyRows * kLd, 2), scale = uniform(kC, 3),
               shift = uniform(kC, 4);
    const ThreadScope one(1);
    for_each_isa([&] {
        std::vector<float> storage(kManyRows * kLd + 16), pieces(storage.size());
        for (const std::int64_t shifted : {0, 1}) {  // on the vectors' alignment, and beside it
            const std::int64_t to =
                (64 - static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(storage.data()) % 64)) / 4 % 16;
            float *whole = storage.data() + to + shifted, *part = pieces.data();
            affine_forward({kManyRows, kC, kLd, kLd}, src.data(), scale.data(), shift.data(), true, whole);
            for (std::int64_t r = 0; r < kManyRows; r += kPiece)
                affine_forward({std::min(kPiece, kManyRows - r), kC, kLd, kLd}, src.data() + r * kLd, scale.data(),
                               shift.data(), true, part + r * kLd);
            const auto equal = [&] {
                std::int64_t different = 0;
                for (std::int64_t r = 0; r < kManyRows; ++r)
                    for (std::int64_t i = 0; i < kC; ++i) different += whole[r * kLd + i] != part[r * kLd + i] ? 1 : 0;
                return different == 0;
            };
            CHECK(equal());
            const Affine<float> a{scale.data(), shift.data()}, none{};
            affine_add_relu_forward({kManyRows, kC, kLd, kLd, kLd}, src.data(), a, other.data(), none, whole);
            CHECK_FALSE(equal());
            for (std::int64_t r = 0; r < kManyRows; r += kPiece)
                affine_add_relu_forward({std::min(kPiece, kManyRows - r), kC, kLd, kLd, kLd}, src.data() + r * kLd, a,
                                        other.data() + r * kLd, none, part + r * kLd);
            CHECK(equal());
        }
    });
}
