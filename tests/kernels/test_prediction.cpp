// Probabilities and reported losses against long double, of 64 digits. u = kUnit is half the distance between 1 and the
// next double; what is rounded to float errs by half its last digit more.
#include "kernels/loss/prediction.h"

#include <bit>

#include "kernels/loss/portable_math.h"
#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

constexpr long double kUnit = 0x1p-53L;
constexpr int kMany = 200'000;

/// Half the distance between the floats around x.
long double half_step(long double x) {
    const int exponent = x == 0 ? -200 : std::ilogb(x);
    return std::ldexp(1.0L, std::max(exponent, -126) - 24);
}

/// Whether `value` is x rounded to float from something within `error` of it, relative.
bool rounds(float value, long double x, long double error) {
    // the error may reach the next power of two, where steps are longer
    return std::abs(value - x) <= half_step(x * (1 + error)) + error * x;
}

/// Finite values of all magnitudes and signs, the ends of float's range among them.
std::vector<float> of_all_magnitudes(std::int64_t n, std::uint64_t seed) {
    std::vector<float> values{
        0.0F,        -0.0F,       0x1p-149F, -0x1p-149F, 0x1p-126F,   -0x1p-126F, 0x1.fffffep127F, -0x1.fffffep127F,
        1e-30F,      1.0F,        -1.0F,     16.635532F, -17.328680F, 87.3F,      -87.3F,          88.72284F,
        -103.97208F, -103.97210F, -150.0F,   708.0F,     -708.0F,     -709.0F,    -745.2F,         -746.0F};
    Random random(seed, Draw::synthesize);
    while (std::ssize(values) < n) {
        const auto value = std::bit_cast<float>(random.bits());
        if (std::isfinite(value)) values.push_back(value);
    }
    values.resize(static_cast<std::size_t>(n));
    return values;
}

/// Bits, so that 0 and -0 differ.
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
        return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
    });
}

long double softplus(long double x) { return std::max(0.0L, x) + std::log1p(std::exp(-std::abs(x))); }

}  // namespace

TEST_CASE("The portable exponential is within 2 u, the logarithms within 6 u and 8 u", "[prediction]") {
    Random random(1, Draw::synthesize);
    long double of_exp = 0, of_log = 0, of_log1p = 0;
    const auto try_exp = [&](double x) {
        const long double truth = std::exp(static_cast<long double>(x));
        of_exp = std::max(of_exp, std::abs(portable::exp_nonpositive(x) - truth) / truth);
    };
    const auto try_log = [&](double x) {
        const long double truth = std::log(static_cast<long double>(x));
        of_log = std::max(of_log, std::abs(portable::log(x) - truth) / (truth == 0 ? 1 : std::abs(truth)));
    };
    const auto try_log1p = [&](double e) {
        const long double truth = std::log1p(static_cast<long double>(e));
        of_log1p = std::max(of_log1p, std::abs(portable::log1p_unit(e) - truth) / (truth == 0 ? 1 : truth));
    };
    const auto uniform = [&] { return (random.bits() + random.bits() * 0x1p-32) * 0x1p-32; };
    for (int i = 0; i < kMany; ++i) {
        const double x = uniform(), scale = std::ldexp(1.0, -static_cast<int>(random.below(60)));
        try_exp(-708 * x);
        try_exp(-x * scale);
        try_exp(-0.34657359027997264 *
                (2.0 * static_cast<double>(random.below(1000)) + 1 + (x - 0.5) * scale));  // roundings of n
        try_log(1 + 1000 * x);
        try_log(1 + x * scale);
        try_log(std::ldexp(1 + x, static_cast<int>(random.below(2000)) - 1000));
        try_log(0.70710678118654752 + (x - 0.5) * scale * 1e-3);
        try_log1p(x);
        try_log1p(x * scale);
    }
    for (const double x : {0.0, -0.0, -708.0, -0x1p-1022, -0x1p-1074, -0x1p-53, -0x1p-54}) try_exp(x);
    for (const double e : {0.0, 1.0, 0x1p-1074, 0x1p-1022, 0x1p-53, 0x1p-52, 1 - 0x1p-53}) try_log1p(e);
    for (const double x : {1.0, 2.0, 0x1p-1022, 0x1.fffffffffffffp1023, 1 - 0x1p-53, 1 + 0x1p-52}) try_log(x);
    CHECK(of_exp <= 2 * kUnit);
    CHECK(of_log <= 6 * kUnit);
    CHECK(of_log1p <= 8 * kUnit);

    CHECK(portable::exp_nonpositive(-708.0000001) == 0);
    CHECK(portable::exp_nonpositive(-std::numeric_limits<double>::infinity()) == 0);
    CHECK(std::isnan(portable::exp_nonpositive(std::nan(""))));
    CHECK(std::isnan(portable::log(std::nan(""))));
    CHECK(std::isinf(portable::log(std::numeric_limits<double>::infinity())));
    CHECK(std::isnan(portable::log1p_unit(std::nan(""))));
}

TEST_CASE("The portable exponential has known bits", "[prediction]") {
    // Worked out once. Another compiler, processor or C library that gave other bits would break what is promised of
    // int8 models.
    const std::pair<double, std::uint64_t> known[] = {{-0x1p-60, 0x3ff0000000000000},
                                                      {-0x1.999999999999ap-4, 0x3fecf46d99d52b3a},
                                                      {-0x1.62e42fefa39efp-2, 0x3fe6a09e667f3bcc},
                                                      {-0x1p+0, 0x3fd78b56362cef38},
                                                      {-0x1.4p+1, 0x3fb50385c094f425},
                                                      {-0x1.14p+4, 0x3e614f49dbc5078c},
                                                      {-0x1.9fe368f08462p+6, 0x368ffff9e27b77c0},
                                                      {-0x1.5e1p+9, 0x00ce8cfc0420616b}};
    for (const auto& [x, bits] : known) CHECK(std::bit_cast<std::uint64_t>(portable::exp_nonpositive(x)) == bits);
    const std::pair<double, std::uint64_t> logarithms[] = {{0x1.0000000000001p+0, 0x3cb0000000000000},
                                                           {0x1.199999999999ap+0, 0x3fb8663f793c46cc},
                                                           {0x1.6a09e667f3bcdp+0, 0x3fd62e42fefa39f0},
                                                           {0x1.8p+0, 0x3fd9f323ecbf984c},
                                                           {0x1.8p+1, 0x3ff193ea7aad030b},
                                                           {0x1.4p+3, 0x40026bb1bbb55516},
                                                           {0x1.f44p+9, 0x401ba20da39bd28c},
                                                           {0x1p-1022, 0xc086232bdd7abcd2}};
    for (const auto& [x, bits] : logarithms) CHECK(std::bit_cast<std::uint64_t>(portable::log(x)) == bits);
}

TEST_CASE("sigmoid is the truth rounded to float, and the same bits on every ISA and team", "[prediction]") {
    auto src = of_all_magnitudes(kMany, 1);
    for (const auto& range : {uniform(kMany, 2, -110, 110), uniform(kMany, 3, -3, 3)})
        src.insert(src.end(), range.begin(), range.end());
    std::vector<float> truth(src.size());
    sigmoid(std::ssize(src), src.data(), truth.data());
    int wrong = 0;
    for (std::size_t i = 0; i < src.size(); ++i) {
        const long double x = src[i], e = std::exp(-std::abs(x));
        // exp 2 u, then a sum and a division of 1 u each
        if (!rounds(truth[i], (x > 0 ? 1 : e) / (1 + e), 4 * kUnit)) ++wrong;
    }
    CHECK(wrong == 0);
    for_each_isa([&] {
        for (const int threads : {1, 3}) {
            const ThreadScope team(threads);
            std::vector<float> dst = src;
            sigmoid(std::ssize(src), dst.data(), dst.data());
            CHECK(same_bits(dst, truth));
        }
    });
    const std::vector<float> edges{kInfinity, -kInfinity, kNaN, 0, -0.0F};
    std::vector<float> dst(edges.size());
    sigmoid(std::ssize(edges), edges.data(), dst.data());
    CHECK(same(dst, {1, 0, kNaN, 0.5F, 0.5F}));
}

TEST_CASE("softmax is the truth rounded to float, and the same bits on every ISA and team", "[prediction]") {
    for (const std::int64_t classes : {1, 2, 3, 7, 14, 16, 17, 61, 1000})
        for (const float width : {1e-3F, 3.0F, 60.0F, 400.0F, 0.0F}) {  // 0: of all magnitudes
            CAPTURE(classes, width);
            const LossGeometry g{37, classes};
            const auto count = g.n * classes;
            const auto src = width == 0 ? of_all_magnitudes(count, 5) : uniform(count, 4, -width, width);
            std::vector<float> truth(src.size());
            softmax(g, src.data(), truth.data());
            int wrong = 0;
            for (std::int64_t r = 0; r < g.n; ++r) {
                const float* x = src.data() + r * classes;
                const long double largest = *std::max_element(x, x + classes);
                long double sum = 0;
                for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(x[k] - largest);
                // x - max, of at most 708, errs by 708 u, exp by 2 u, both in p and in the sum; its roundings, and a
                // division
                const long double error = (2 * 710 + static_cast<long double>(classes)) * kUnit;
                for (std::int64_t k = 0; k < classes; ++k)
                    if (!rounds(truth[static_cast<std::size_t>(r * classes + k)], std::exp(x[k] - largest) / sum,
                                error))
                        ++wrong;
            }
            CHECK(wrong == 0);
            for_each_isa([&] {
                for (const int threads : {1, 3}) {
                    const ThreadScope team(threads);
                    std::vector<float> dst = src;
                    softmax(g, dst.data(), dst.data());
                    CHECK(same_bits(dst, truth));
                }
            });
        }
}

TEST_CASE("softmax of infinities and NaN", "[prediction]") {
    const std::vector<float> logits{0,    -kInfinity, 0,         kNaN, 1,          2,          1,         2,
                                    kNaN, 0,          kInfinity, 0,    -kInfinity, -kInfinity, -kInfinity};
    std::vector<float> p(logits.size());
    softmax({5, 3}, logits.data(), p.data());
    CHECK(std::vector<float>(p.begin(), p.begin() + 3) == std::vector<float>{0.5F, 0, 0.5F});
    for (std::size_t i = 3; i < 9; ++i) CHECK(std::isnan(p[i]));
    CHECK(std::isnan(p[10]));
    for (std::size_t i = 12; i < p.size(); ++i) CHECK(std::isnan(p[i]));
    softmax({0, 3}, nullptr, nullptr);
}

TEST_CASE("Reported losses are their formulas", "[prediction]") {
    for (const std::int64_t classes : {1, 2, 14, 61})
        for (const float width : {0.01F, 5.0F, 100.0F, 1e30F}) {
            CAPTURE(classes, width);
            const LossGeometry g{101, classes};
            const auto logits = uniform(g.n * classes, 1, -width, width);
            std::vector<float> targets;
            for (std::int64_t i = 0; i < g.n * classes; ++i)
                targets.push_back(std::vector<float>{0, 1, -1, 0.25F, 1}[static_cast<std::size_t>(i % 5)]);
            std::vector<std::int32_t> labels;
            long double entropy = 0, parts = 0, bce = 0, present = 0;
            for (std::int64_t r = 0; r < g.n; ++r) {
                const float* x = logits.data() + r * classes;
                labels.push_back(static_cast<std::int32_t>((r * 7 + 3) % classes));
                const long double largest = *std::max_element(x, x + classes);
                long double sum = 0;
                for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(x[k] - largest);
                entropy += std::log(sum) + (largest - x[labels.back()]);
                parts += 1 + std::log(sum) + (largest - x[labels.back()]);
                for (std::int64_t k = 0; k < classes; ++k) {
                    const long double t = targets[static_cast<std::size_t>(r * classes + k)];
                    if (t < 0) continue;
                    bce += (1 - t) * softplus(x[k]) + t * softplus(-x[k]);
                    ++present;
                }
            }
            // of each row: 1420 u and the classes' of the sum in its logarithm, 6 u of that, a sum, and the sum over
            // rows
            const long double n = g.n, of_sum = 1420 + static_cast<long double>(classes);
            CHECK(std::abs(reported_cross_entropy(g, logits.data(), labels.data()) - entropy / n) <=
                  (of_sum + 8 + n) * kUnit * parts / n);
            // all terms are positive: exp 2 u, log1p 8 u, six more operations, and the sum over all
            CHECK(std::abs(reported_bce(g, logits.data(), targets.data()) - bce / present) <=
                  (16 + present) * kUnit * bce / present);
        }
    const std::vector<float> missing(4, -1.0F), logits{1, 2, kNaN, 3};
    CHECK(reported_bce({2, 2}, logits.data(), missing.data()) == 0);
    CHECK(reported_cross_entropy({0, 4}, logits.data(), nullptr) == 0);
    const std::vector<float> targets(4, 1.0F);
    const std::int32_t label = 0;
    CHECK(std::isnan(reported_bce({2, 2}, logits.data(), targets.data())));
    CHECK(std::isnan(reported_cross_entropy({1, 4}, logits.data(), &label)));
}
