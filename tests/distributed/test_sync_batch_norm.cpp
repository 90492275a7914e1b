// Batch norms over ranks that are threads, in double: what one rank makes of the joined batch.
#include <atomic>
#include <cmath>
#include <numeric>

#include "distributed/collectives/rank_statistics.h"
#include "distributed/thread_communicator.h"
#include "engine/autograd.h"
#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;

namespace {

constexpr std::int64_t kChannels = 3;

struct Result {
    std::vector<double> dst, diff_src, diff_gamma, diff_beta, running_mean, running_variance;
};

std::vector<double> copied(const Tensor& tensor) {
    const auto values = tensor.contiguous().values<double>();
    return {values.begin(), values.end()};
}

/// What kind of batch norm: alone, two that share a wide buffer's statistics, or at the join of a residual block.
enum class Kind { plain, wide, join };

/// A batch norm of rows [begin, begin + count) of the batch, and its gradients for a loss that weighs every value
/// otherwise.
Result run(Kind kind, std::int64_t begin, std::int64_t count, bool counts) {
    constexpr std::int64_t kRows = 16;
    const Tensor all = test::uniform({kRows, 1, 1, kChannels}, 1), weight = test::uniform({kRows, 1, 1, kChannels}, 2);
    const auto rows = [&](const Tensor& t) {
        return Tensor::from<double>(t.values<double>().subspan(static_cast<std::size_t>(begin * kChannels),
                                                               static_cast<std::size_t>(count * kChannels)),
                                    {count, 1, 1, kChannels});
    };
    const Tensor src = rows(all).set_requires_grad(),
                 gamma = test::uniform({kChannels}, 3, 0.5, 1.5).set_requires_grad(),
                 beta = test::uniform({kChannels}, 4).set_requires_grad();
    const Tensor mean = Tensor::zeros({kChannels}, DType::f64), variance = Tensor::full({kChannels}, 1, DType::f64);
    BatchNormOptions options;
    options.training = true;
    const BatchNormParameters norm{gamma, beta, mean, variance};
    Tensor dst;
    if (kind == Kind::plain) dst = batch_norm(src, norm, options);
    if (kind == Kind::join) dst = norm_add_relu(src, norm, options, {rows(all), {}, {}});
    if (kind == Kind::wide) {
        const Tensor wide = wide_buffer(src, kChannels + 2);
        dst = add(batch_norm(wide, norm, options), batch_norm(wide, norm, options));
    }
    const Tensor diff = rows(weight);
    if (!counts) std::ranges::fill(diff.values<double>(), 0.0);
    backward(dst, diff);
    return {copied(dst), copied(src.grad()), copied(gamma.grad()), copied(beta.grad()), copied(mean), copied(variance)};
}

double distance(const std::vector<double>& a, const double* b) {
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
    return most;
}

}  // namespace

TEST_CASE("synchronized batch norms are those of the joined batch", "[sync_batch_norm]") {
    // Every value is a sum over 16 rows of terms below 10, in double.
    constexpr double kTolerance = 16 * 10 * 16 * 0x1p-53 * 10;
    for (const Kind kind : {Kind::plain, Kind::wide, Kind::join})
        for (const std::vector<std::int64_t>& shares :
             {std::vector<std::int64_t>{8, 8}, {5, 11}, {1, 2, 13}, {16, 0}, {4, 0, 12}})
            for (const int per_node : {1, 8}) {
                CAPTURE(static_cast<int>(kind), shares, per_node);
                const Result whole = run(kind, 0, 16, true);
                const int ranks = static_cast<int>(shares.size());
                std::vector<Result> results(shares.size());
                run_ranks({ranks, per_node, {}}, [&](Communicator& communicator) {
                    World world([&] { return std::shared_ptr<Communicator>(&communicator, [](Communicator*) {}); });
                    const auto r = static_cast<std::size_t>(world.rank());
                    const std::int64_t begin =
                        std::accumulate(shares.begin(), shares.begin() + world.rank(), std::int64_t{0});
                    RankStatistics statistics(world, 0);
                    const StatisticsScope scope(&statistics, shares[r] > 0);
                    // A rank without rows of its own has a stand-in that counts for nothing.
                    results[r] = shares[r] > 0 ? run(kind, begin, shares[r], true) : run(kind, 7, 2, false);
                });
                std::vector<double> diff_gamma(kChannels), diff_beta(kChannels);
                std::int64_t begin = 0;
                for (std::size_t r = 0; r < shares.size(); ++r) {
                    for (std::size_t i = 0; i < kChannels; ++i) {
                        diff_gamma[i] += results[r].diff_gamma[i];
                        diff_beta[i] += results[r].diff_beta[i];
                    }
                    CHECK(distance(results[r].running_mean, whole.running_mean.data()) < kTolerance);
                    CHECK(distance(results[r].running_variance, whole.running_variance.data()) < kTolerance);
                    if (shares[r] == 0) {
                        CHECK(std::ranges::all_of(results[r].diff_src, [](double d) { return d == 0; }));
                        continue;
                    }
                    CHECK(distance(results[r].dst, whole.dst.data() + begin * kChannels) < kTolerance);
                    CHECK(distance(results[r].diff_src, whole.diff_src.data() + begin * kChannels) < kTolerance);
                    begin += shares[r];
                }
                CHECK(distance(diff_gamma, whole.diff_gamma.data()) < kTolerance);
                CHECK(distance(diff_beta, whole.diff_beta.data()) < kTolerance);
            }
}

TEST_CASE("groups of ranks have statistics of their own", "[sync_batch_norm]") {
    std::vector<double> totals(5);
    for (const int per_node : {1, 8}) {
        run_ranks({5, per_node, {}}, [&](Communicator& communicator) {
            World world([&] { return std::shared_ptr<Communicator>(&communicator, [](Communicator*) {}); });
            RankStatistics statistics(world, 2);
            for (int turn = 0; turn < 3; ++turn) {
                std::vector<double> values(20'000, std::pow(10, world.rank()));
                statistics.sum(values);
                totals[static_cast<std::size_t>(world.rank())] = values[19'999];
            }
        });
        CHECK(totals == std::vector<double>{11, 11, 1100, 1100, 10000});
    }
}
