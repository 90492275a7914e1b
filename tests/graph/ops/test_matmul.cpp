// Products and reductions against plain loops in double.
#include "graph/ops/matmul.h"

#include "graph/ops/reduce.h"
#include "graph/ops/softmax.h"
#include "tests/graph/ops/one_op.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::test;
using graph::MatMul;
using graph::Reduce;
using graph::Softmax;

TEST_CASE("Batches of matrix products", "[matmul]") {
    for (const auto& [batches, m, k, n] : {std::tuple{1, 1, 1, 1}, {1, 5, 7, 3}, {3, 17, 33, 9}, {12, 4, 64, 4}}) {
        const Maps a = Maps::random(2, 1, batches * m, k, 1), b = Maps::random(2, 1, batches * k, n, 2);
        std::vector<double> truth, bounds;
        Maps::for_each(2, 1, batches * m, n, [&](auto i, auto, auto row, auto column, std::size_t) {
            double sum = 0, magnitude = 0;
            for (std::int64_t j = 0; j < k; ++j) {
                const double term = double{a.at(i, 0, row, j)} * double{b.at(i, 0, row / m * k + j, column)};
                sum += term;
                magnitude += std::abs(term);
            }
            truth.push_back(sum);
            bounds.push_back(k * kRoundoff * (1 + k * kRoundoff) *
                             magnitude);  // k products and k - 1 sums in any order
        });
        for (const Gaps& gaps : kGaps)
            for_each_isa([&] {
                CAPTURE(batches, m, k, n, gaps.before);
                const Maps got = run_op(a, &b, {1, batches * m, n}, gaps, [&](const std::optional<graph::Value>& of) {
                    return MatMul{of, batches, m, k, n};
                });
                CHECK(outliers(got.values, truth, bounds) == 0);
            });
    }
}

TEST_CASE("Matrices that do not fit are refused", "[matmul]") {
    const Maps a = Maps::random(1, 1, 6, 4, 1), b = Maps::random(1, 1, 8, 3, 2);
    const auto run = [&](const graph::Buffer& dst, const MatMul& like) {
        return run_op(a, &b, dst, {}, [&](const std::optional<graph::Value>& of) {
            MatMul op = like;
            op.operand = of;
            return op;
        });
    };
    CHECK_NOTHROW(run({1, 6, 3}, {{}, 2, 3, 4, 3}));
    CHECK_NOTHROW(run({2, 3, 3}, {{}, 2, 3, 4, 3}));
    CHECK_THROWS_WITH(run({1, 6, 3}, {{}, 3, 3, 4, 3}), contains("a src of batches * m pixels"));
    CHECK_THROWS_WITH(run({1, 6, 3}, {{}, 1, 6, 4, 3}), contains("an operand of batches * k pixels"));
    CHECK_THROWS_WITH(run({1, 5, 3}, {{}, 2, 3, 4, 3}), contains("a dst of batches * m pixels"));
    CHECK_THROWS_WITH(run({1, 6, 3}, {{}, 0, 3, 4, 3}), contains("matrices that are not empty"));
    CHECK_THROWS_WITH(check_op({1, 6, 4}, {1, 6, 3}, MatMul{}), contains("an operand"));
}

TEST_CASE("Reductions of channels", "[reduce]") {
    for (const std::int64_t c : {1, 2, 5, 16, 113}) {
        const Maps src = Maps::random(2, 3, 4, c, 1);
        std::vector<double> mean, sum, loss;
        std::vector<float> most, least;
        for (std::size_t p = 0; p < src.values.size(); p += static_cast<std::size_t>(c)) {
            const auto row = std::span(src.values).subspan(p, static_cast<std::size_t>(c));
            double total = 0;
            for (const float value : row) total += double{value};
            sum.push_back(total);
            mean.push_back(total / static_cast<double>(c));
            loss.push_back(kRoundoff * std::abs(total) + static_cast<double>(c * c) * 0x1p-53);  // terms of at most 1
            most.push_back(*std::ranges::max_element(row));
            least.push_back(*std::ranges::min_element(row));
        }
        for (const Gaps& gaps : kGaps) {
            const auto run = [&](Reduce::Kind kind) { return run_op(src, {3, 4, 1}, gaps, Reduce{kind}).values; };
            CHECK(outliers(run(Reduce::Kind::sum), sum, loss) == 0);
            CHECK(outliers(run(Reduce::Kind::mean), mean, loss) == 0);
            CHECK(run(Reduce::Kind::max) == most);
            CHECK(run(Reduce::Kind::min) == least);
        }
    }
    for (const std::size_t at : {0, 1, 4}) {
        Maps src = Maps::random(1, 1, 1, 5, 1);
        src.values[at] = kNaN;
        for (const Reduce::Kind kind : {Reduce::Kind::mean, Reduce::Kind::sum, Reduce::Kind::max, Reduce::Kind::min})
            CHECK(std::isnan(run_op(src, {1, 1, 1}, {}, Reduce{kind}).values[0]));
    }
    CHECK_THROWS_WITH(check_op({2, 2, 3}, {2, 2, 3}, Reduce{}), contains("a dst of src's pixels and one channel"));
    CHECK_THROWS_WITH(check_op({2, 2, 3}, {2, 1, 1}, Reduce{}), contains("a dst of src's pixels and one channel"));
}

TEST_CASE("Softmax and its logarithm over channels, of slices as of whole buffers", "[softmax]") {
    for (const std::int64_t c : {1, 2, 17, 113})
        for (const bool log : {false, true}) {
            const Maps src = Maps::random(2, 3, 4, c, 1, -8, 8);
            std::vector<double> truth, bounds;
            for (std::size_t p = 0; p < src.values.size(); p += static_cast<std::size_t>(c)) {
                const auto row = std::span(src.values).subspan(p, static_cast<std::size_t>(c));
                double sum = 0;
                for (const float value : row) sum += std::exp(double{value});
                for (const float value : row) {
                    truth.push_back(log ? double{value} - std::log(sum) : std::exp(double{value}) / sum);
                    // numbers are 16 apart at most: 20 roundings of an exponential, as many of the sum, 2 of the
                    // quotient; a logarithm of 16 + log(113) at most errs by one of it, one of 16, and the sum's
                    bounds.push_back(kRoundoff * (log ? 16 + 21 + 20 + 1 : 43 * truth.back()));
                }
            }
            for (const Gaps& gaps : kGaps) {
                const Maps got = run_op(src, {3, 4, c}, gaps, Softmax{log});
                CHECK(outliers(got.values, truth, bounds) == 0);
            }
        }
}
