// Sums of a fixed shape.
#include "distributed/collectives/pairwise_sum.h"

#include <algorithm>
#include <vector>

#include "distributed/collectives/allreduce.h"
#include "distributed/thread_communicator.h"
#include "kernels/random.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

/// Terms whose sum depends on the order in which they are added.
std::vector<std::vector<float>> terms(std::size_t count, std::size_t length) {
    Random random(7, Draw::synthesize);
    std::vector<std::vector<float>> all(count, std::vector<float>(length));
    for (auto& term : all)
        for (float& value : term) value = random.uniform(-1, 1);
    return all;
}

std::vector<float> sum_of(const std::vector<std::vector<float>>& all, std::size_t begin, std::size_t end) {
    if (end - begin == 1) return all[begin];
    std::vector<float> left = sum_of(all, begin, (begin + end) / 2);
    const std::vector<float> right = sum_of(all, (begin + end) / 2, end);
    for (std::size_t i = 0; i < left.size(); ++i) left[i] += right[i];
    return left;
}

void add(PairwiseSum<float>& sum, const std::vector<float>& term) {
    std::ranges::copy(term, sum.next().begin());
    sum.add();
}

}  // namespace

TEST_CASE("a pairwise sum adds halves to halves", "[pairwise]") {
    for (const std::size_t length : {std::size_t{1}, std::size_t{5000}}) {
        PairwiseSum<float> sum(length);
        for (const std::size_t count : {1U, 2U, 4U, 8U, 32U}) {
            CAPTURE(length, count);
            const auto all = terms(count, length);
            for (const auto& term : all) add(sum, term);
            CHECK(std::ranges::equal(sum.take(), sum_of(all, 0, count)));
        }
    }
}

TEST_CASE("a pairwise sum of terms that do not pair up is refused, and can begin anew", "[pairwise]") {
    PairwiseSum<float> sum(3);
    CHECK_THROWS_AS(sum.take(), UsageError);
    for (const auto& term : terms(3, 3)) add(sum, term);
    CHECK_THROWS_WITH(sum.take(), "[sum] wanted a number of terms that is a power of two, not 3");
    sum.reset();
    const auto one = terms(1, 3);
    add(sum, one[0]);
    CHECK(std::ranges::equal(sum.take(), one[0]));
}

TEST_CASE("ranks that sum neighbours and then by halving-doubling get one rank's sum to the bit", "[pairwise]") {
    const std::size_t length = 1001, count = 8;
    const auto all = terms(count, length);
    const std::vector<float> truth = sum_of(all, 0, count);
    for (const int ranks : {1, 2, 4, 8}) {
        CAPTURE(ranks);
        std::atomic<int> wrong{0};
        run_ranks({ranks, 1, {}}, [&](Communicator& communicator) {
            PairwiseSum<float> sum(length);
            const std::size_t own = count / static_cast<std::size_t>(ranks),
                              first = own * static_cast<std::size_t>(communicator.rank());
            for (std::size_t t = first; t < first + own; ++t) add(sum, all[t]);
            const std::span<float> mine = sum.take();
            Allreduce(communicator).sum(Algorithm::halving_doubling, mine);
            wrong += !std::ranges::equal(mine, truth);
        });
        CHECK(wrong == 0);
    }
}
