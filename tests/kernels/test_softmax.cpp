// Softmax: the same bits on every ISA, within what its contract promises of the formula.
#include "kernels/softmax/softmax.h"

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

constexpr std::int64_t kRows = 5;

/// The formula of one row, and how far a float may be from it. With d = |x - m|, an exponential errs by (d + 4) u, the
/// sum by the mean of that weighted by the exponentials; the sum's rounding to float and the quotient add 2 u. The
/// logarithm of the sum errs by the sum's relative error, and two differences by u of d and of the result.
void add_truth(const float* row, std::int64_t c, bool log, std::vector<double>& truth, std::vector<double>& bounds) {
    const double largest = double{*std::max_element(row, row + c)};
    double sum = 0, weighted = 0;
    for (std::int64_t i = 0; i < c; ++i) {
        const double d = largest - double{row[i]};
        sum += std::exp(-d);
        weighted += std::exp(-d) * (d + 4);
    }
    weighted /= sum;
    for (std::int64_t i = 0; i < c; ++i) {
        const double d = largest - double{row[i]};
        truth.push_back(log ? -d - std::log(sum) : std::exp(-d) / sum);
        bounds.push_back(log ? kRoundoff * 1.001 * (d + std::log(sum) + weighted + std::abs(truth.back()))
                             : kRoundoff * 1.001 * (d + 4 + weighted + 2) * truth.back() + 0x1p-126);
    }
}

}  // namespace

TEST_CASE("softmax_forward gives the same bits on every ISA, near the formula", "[softmax]") {
    for (const std::int64_t c : {1, 2, 7, 8, 15, 16, 17, 31, 113, 511, 512, 513, 1100})
        for (const std::int64_t gap : {0, 3})
            for (const float spread : {1.0F, 60.0F})
                for (const bool log : {false, true}) {
                    const std::int64_t ld = c + gap;
                    const auto src = uniform(kRows * ld, 1, -spread, spread);
                    std::vector<double> truth, bounds;
                    for (std::int64_t r = 0; r < kRows; ++r) add_truth(src.data() + r * ld, c, log, truth, bounds);
                    std::vector<float> first;
                    for_each_isa([&] {
                        CAPTURE(c, gap, spread, log);
                        std::vector<float> dst(truth.size(), kNaN);
                        softmax_forward({kRows, c, ld, c}, log, src.data(), dst.data());
                        CHECK(outliers(dst, truth, bounds) == 0);
                        if (first.empty()) first = dst;
                        CHECK(dst == first);
                        auto in_place = src;
                        softmax_forward({kRows, c, ld, ld}, log, in_place.data(), in_place.data());
                        std::size_t different = 0;
                        for (std::size_t i = 0; i < first.size(); ++i) {
                            const auto k = static_cast<std::size_t>(c);
                            if (in_place[i / k * static_cast<std::size_t>(ld) + i % k] != first[i]) ++different;
                        }
                        CHECK(different == 0);
                    });
                }
}

TEST_CASE("softmax_forward of infinities and NaN", "[softmax]") {
    for (const std::int64_t c : {3, 16, 37})
        for_each_isa([&] {
            const auto run = [&](bool log, float at_first, float others) {
                std::vector<float> row(static_cast<std::size_t>(c), others);
                row[0] = at_first;
                softmax_forward({1, c, c, c}, log, row.data(), row.data());
                return row;
            };
            const auto all_nan = [](const std::vector<float>& row) {
                return std::all_of(row.begin(), row.end(), [](float v) { return std::isnan(v); });
            };
            CAPTURE(c);
            CHECK(all_nan(run(false, kNaN, 1)));
            CHECK(all_nan(run(false, 1, kNaN)));
            CHECK(all_nan(run(true, kNaN, 1)));
            CHECK(all_nan(run(false, -kInfinity, -kInfinity)));
            CHECK(std::isnan(run(false, kInfinity, 1)[0]));
            CHECK(run(false, 0, -kInfinity)[0] == 1);  // a mask
            CHECK(run(false, 0, -kInfinity)[1] == 0);
            CHECK(run(true, 0, -kInfinity)[0] == 0);
            CHECK(run(true, 0, -kInfinity)[1] == -kInfinity);
            CHECK(run(false, 1e30F, -1e30F)[0] == 1);
        });
}
