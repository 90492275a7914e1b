#include "data/pipeline/sampler.h"

#include <algorithm>

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("Permutations hold every sample once and depend on seed and epoch", "[sampler]") {
    auto order = permutation(1, 2, 1000);
    CHECK(order == permutation(1, 2, 1000));
    CHECK(order != permutation(1, 3, 1000));
    CHECK(order != permutation(2, 2, 1000));
    std::ranges::sort(order);
    for (std::int64_t i = 0; i < 1000; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
    CHECK(permutation(1, 2, 0).empty());
}

TEST_CASE("Shards of all ranks are every position once, in steps of equal parts", "[sampler]") {
    for (const int ranks : {1, 2, 3, 4, 7})
        for (const std::int64_t n : {0, 1, 5, 16, 97})
            for (const std::int64_t batch : {1, 4, 8})
                for (const std::int64_t start : {std::int64_t{0}, std::min(n, batch * ranks)}) {
                    CAPTURE(ranks, n, batch, start);
                    std::vector<int> seen(static_cast<std::size_t>(n));
                    const Shard first = plan_shard({0, ranks}, n, batch, start);
                    for (int r = 0; r < ranks; ++r) {
                        const Shard shard = plan_shard({r, ranks}, n, batch, start);
                        REQUIRE(shard.batches.size() == first.batches.size());
                        std::int64_t begin = 0;
                        for (std::size_t k = 0; k < shard.batches.size(); ++k) {
                            const Shard::Batch& b = shard.batches[k];
                            CHECK(b.begin == begin);
                            CHECK(b.size <= batch);
                            CHECK((b.size == b.planned / ranks || b.size == b.planned / ranks + 1));
                            CHECK(b.next_sample == first.batches[k].next_sample);
                            begin += b.size;
                        }
                        CHECK(begin == std::ssize(shard.positions));
                        for (const std::int64_t position : shard.positions) ++seen[static_cast<std::size_t>(position)];
                    }
                    for (std::int64_t i = 0; i < n; ++i)
                        CHECK(seen[static_cast<std::size_t>(i)] == (i >= start ? 1 : 0));
                }
}

TEST_CASE("Steps cut into parts have the same parts on any number of ranks", "[sampler]") {
    for (const std::int64_t n : {0, 1, 5, 16, 97})
        for (const std::int64_t images : {8, 12, 16}) {
            const Shard one = plan_shard({.rank = 0, .ranks = 1, .parts = 4}, n, images, 0);
            for (const int ranks : {2, 4}) {
                CAPTURE(n, images, ranks);
                for (std::size_t k = 0; k < one.batches.size(); ++k) {
                    std::vector<std::int64_t> positions;
                    std::vector<std::int32_t> parts;
                    for (int r = 0; r < ranks; ++r) {
                        const Shard shard = plan_shard({.rank = r, .ranks = ranks, .parts = 4}, n, images / ranks, 0);
                        REQUIRE(shard.batches.size() == one.batches.size());
                        const Shard::Batch& b = shard.batches[k];
                        CHECK(b.planned == one.batches[k].planned);
                        CHECK(b.next_sample == one.batches[k].next_sample);
                        positions.insert(positions.end(), shard.positions.begin() + b.begin,
                                         shard.positions.begin() + b.begin + b.size);
                        parts.insert(parts.end(), shard.parts.begin() + b.begin,
                                     shard.parts.begin() + b.begin + b.size);
                    }
                    const Shard::Batch& all = one.batches[k];
                    REQUIRE(std::ssize(positions) == all.size);
                    CHECK(std::equal(positions.begin(), positions.end(), one.positions.begin() + all.begin));
                    CHECK(std::equal(parts.begin(), parts.end(), one.parts.begin() + all.begin));
                    CHECK(std::ranges::is_sorted(parts));
                }
            }
        }
}

TEST_CASE("Independent ranks take the first part of their own order", "[sampler]") {
    for (int r = 0; r < 3; ++r) {
        const Shard shard = plan_shard({r, 3, true}, 20, 4, 0);
        CHECK(shard.positions == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
        REQUIRE(shard.batches.size() == 2);
        CHECK(shard.batches[1].size == 2);
        CHECK(shard.batches[1].next_sample == 18);
    }
}

TEST_CASE("Balanced draws show each group equally often, and all of a group before any of it again", "[sampler]") {
    const std::vector<std::vector<std::int64_t>> groups{{0, 1, 2, 3, 4, 5, 6}, {7}, {8, 9, 0}};
    const auto draws = balanced_draws(1, 2, 60, groups);
    CHECK(draws == balanced_draws(1, 2, 60, groups));
    CHECK(draws != balanced_draws(1, 3, 60, groups));
    CHECK(draws != balanced_draws(2, 2, 60, groups));
    REQUIRE(draws.size() == 60);
    CHECK(std::ranges::count(draws, 7) == 20);
    for (std::size_t at = 0; at < 60; at += 3) CHECK(std::count(draws.begin() + at, draws.begin() + at + 3, 7) == 1);
    for (const std::int64_t member : {8, 9}) {
        CHECK(std::ranges::count(draws, member) >= 6);  // of 20 draws from three
        CHECK(std::ranges::count(draws, member) <= 7);
    }
    for (std::int64_t member = 1; member < 7; ++member) {
        CHECK(std::ranges::count(draws, member) >= 2);  // of 20 draws from seven
        CHECK(std::ranges::count(draws, member) <= 3);
    }
    CHECK(std::equal(draws.begin(), draws.begin() + 31, balanced_draws(1, 2, 31, groups).begin()));
    CHECK(balanced_draws(1, 2, 0, {}).empty());
}

TEST_CASE("Repeats count how often a draw came before", "[sampler]") {
    CHECK(repeats_of({4, 5, 4, 4, 6, 5}) == std::vector<std::uint32_t>{0, 0, 1, 2, 0, 1});
}
