// RngScope, and dropout, which draws from it.
#include "engine/rng_scope.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <thread>

#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;
using Keys = std::vector<std::uint64_t>;

Keys keys(std::uint64_t seed, std::uint64_t epoch, const std::vector<std::int64_t>& samples) {
    const RngScope scope(seed, epoch, samples);
    return RngScope::next_keys(static_cast<std::int64_t>(samples.size()));
}

}  // namespace

TEST_CASE("keys follow the sample, not its place in the batch", "[rng_scope]") {
    const Keys batch = keys(1, 2, {10, 11, 12});
    CHECK(keys(1, 2, {12, 10, 11}) == Keys{batch[2], batch[0], batch[1]});
    CHECK(keys(1, 2, {11}) == Keys{batch[1]});
    CHECK(keys(1, 2, {10, 11, 12}) == batch);
}

TEST_CASE("keys differ between samples, operators, epochs and seeds", "[rng_scope]") {
    std::set<std::uint64_t> all;
    std::size_t count = 0;
    for (std::uint64_t seed = 0; seed < 3; ++seed)
        for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
            const std::vector<std::int64_t> samples{0, 1, 2, 3, std::int64_t{1} << 32, (std::int64_t{1} << 32) + 1};
            const RngScope scope(seed, epoch, samples);
            for (int op = 0; op < 3; ++op)
                for (const std::uint64_t key : RngScope::next_keys(6)) {
                    all.insert(key);
                    ++count;
                }
        }
    CHECK(all.size() == count);
}

TEST_CASE("scopes nest and belong to their thread", "[rng_scope]") {
    const Keys first = keys(1, 0, {5}), inner_first = keys(2, 0, {5, 6});
    const RngScope outer(1, 0, {5});
    CHECK(RngScope::next_keys(1) == first);
    {
        const RngScope inner(2, 0, {5, 6});
        CHECK(RngScope::next_keys(2) == inner_first);
    }
    CHECK(RngScope::next_keys(1) != first);  // the outer scope's second operator
    bool threw = false;
    std::thread([&] {
        try {
            RngScope::next_keys(1);
        } catch (const UsageError&) {
            threw = true;
        }
    }).join();
    CHECK(threw);
}

TEST_CASE("draws outside a scope or for another batch are refused", "[rng_scope]") {
    CHECK_THROWS_AS(RngScope::next_keys(1), UsageError);
    CHECK_THROWS_AS(dropout(Tensor::zeros({1, 2}), 0.5), UsageError);
    const RngScope scope(1, 0, {5, 6});
    CHECK_THROWS_WITH(RngScope::next_keys(3), "[rng_scope] the scope names 2 samples, the batch has 3");
    CHECK_THROWS_AS(dropout(Tensor::zeros({3, 2}), 0.5), UsageError);
}

TEST_CASE("dropout: gradients and precision", "[ops][gradcheck]") {
    for (const std::int64_t c : {1, 4, 7, 33})
        for (const double p : {0.25, 0.5}) {
            const auto f = [p](const Tensor& src) {
                const RngScope scope(3, 1, {7, 9});
                return dropout(src, p);
            };
            check_operator("dropout", [&](const Inputs& x) { return f(x[0]); }, {uniform({2, 3, 1, c}, 1)}, {1, 2});
            check_operator("dropout of a matrix", [&](const Inputs& x) { return f(x[0]); }, {uniform({2, c}, 1)},
                           {1, 2});
            check_operator("dropout of a slice", [&](const Inputs& x) { return f(wide_buffer(x[0], c + 3)); },
                           {uniform({2, 3, 1, c}, 1)}, {1, 2});
        }
}

TEST_CASE("dropout keeps 1 - p of the elements, scaled", "[ops]") {
    const std::int64_t count = 100000;
    for (const double p : {0.1, 0.5, 0.9}) {
        const RngScope scope(1, 0, {4});
        const Tensor dst = dropout(Tensor::full({1, count}, 1), p);
        std::int64_t kept = 0;
        for (const float value : dst.values<float>()) {
            if (value == 0) continue;
            ++kept;
            REQUIRE(value == Approx(1 / (1 - p)).epsilon(0x1p-22));
        }
        // Five standard deviations of a binomial count.
        const double n = static_cast<double>(count);
        CHECK(std::abs(static_cast<double>(kept) - n * (1 - p)) < 5 * std::sqrt(n * p * (1 - p)));
    }
}

TEST_CASE("dropout's mask follows the sample, and moves with the epoch", "[ops]") {
    const Tensor ones = Tensor::full({3, 4, 4, 5}, 1);
    const auto run = [&](std::uint64_t epoch, const std::vector<std::int64_t>& samples) {
        const RngScope scope(1, epoch, samples);
        return dropout(ones, 0.5);
    };
    const auto sample = [](const Tensor& t, std::size_t i) { return t.values<float>().subspan(i * 80, 80); };
    const Tensor a = run(0, {1, 2, 3}), b = run(0, {3, 9, 1}), c = run(1, {1, 2, 3});
    CHECK(std::ranges::equal(sample(a, 0), sample(b, 2)));
    CHECK(std::ranges::equal(sample(a, 2), sample(b, 0)));
    CHECK_FALSE(std::ranges::equal(sample(a, 0), sample(a, 1)));
    CHECK_FALSE(std::ranges::equal(sample(a, 0), sample(c, 0)));
}

TEST_CASE("dropout of probability 0 is the identity, 1 and above are refused", "[ops]") {
    const Tensor src = uniform({2, 3}, 1);
    CHECK(dropout(src, 0).same_memory(src));
    const RngScope scope(1, 0, {5, 6});
    for (const double p : {-0.1, 1.0, 1.5, std::nan("")}) CHECK_THROWS_AS(dropout(src, p), UsageError);
}
