#include "kernels/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("Philox4x32-10 gives the published answers", "[random]") {  // kat_vectors of Random123
    CHECK(philox4x32({0, 0, 0, 0}, 0) == Philox4{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0xffffffffffffffff) ==
          Philox4{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822) ==
          Philox4{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("streams repeat, and differ by seed, purpose and indices", "[random]") {
    const auto first = [](Random random) {
        std::vector<std::uint32_t> words;
        for (int i = 0; i < 9; ++i) words.push_back(random.bits());
        return words;
    };
    const auto base = first(Random(1, Draw::shuffle, 2, 3));
    CHECK(base == first(Random(1, Draw::shuffle, 2, 3)));
    CHECK(base != first(Random(2, Draw::shuffle, 2, 3)));
    CHECK(base != first(Random(1, Draw::augment, 2, 3)));
    CHECK(base != first(Random(1, Draw::shuffle, 3, 3)));
    CHECK(base != first(Random(1, Draw::shuffle, 2, std::uint64_t{3} + (std::uint64_t{1} << 32))));
    CHECK(std::adjacent_find(base.begin(), base.end()) == base.end());
}

TEST_CASE("below(n) reaches every value below n, evenly", "[random]") {
    Random random(7, Draw::bench);
    for (const std::uint32_t n : {1U, 2U, 3U, 10U, 0x80000001U, 0xffffffffU}) {
        std::uint32_t largest = 0;
        for (int i = 0; i < 1000; ++i) largest = std::max(largest, random.below(n));
        CHECK(largest < n);
        if (n > 1) CHECK(largest >= n / 2);  // 1000 draws below the half: probability 2^-1000
    }
    // 2^32 mod 3 * 2^30 = 2^30: without rejection the first third of the values would come twice as often
    constexpr std::uint32_t kN = 3U << 30;
    int low = 0;
    for (int i = 0; i < 30000; ++i) low += random.below(kN) < kN / 3 ? 1 : 0;
    CHECK(std::abs(low - 10000) < 409);  // a standard deviation is 81.6; five of them
}

TEST_CASE("uniform and normal draws have their moments", "[random]") {
    Random random(3, Draw::synthesize);
    constexpr int kDraws = 40000;
    double uniform_sum = 0, normal_sum = 0, normal_squares = 0;
    float low = 1, high = 0;
    for (int i = 0; i < kDraws; ++i) {
        const float u = random.uniform(), z = random.normal();
        low = std::min(low, u);
        high = std::max(high, u);
        uniform_sum += static_cast<double>(u);
        normal_sum += static_cast<double>(z);
        normal_squares += static_cast<double>(z) * static_cast<double>(z);
    }
    CHECK(low >= 0);
    CHECK(high < 1);
    // five standard deviations of a mean of 40,000: 5 * sqrt(1 / 12) / 200, 5 / 200, 5 * sqrt(2) / 200
    CHECK(std::abs(uniform_sum / kDraws - 0.5) < 0.0073);
    CHECK(std::abs(normal_sum / kDraws) < 0.025);
    CHECK(std::abs(normal_squares / kDraws - 1) < 0.0354);
}

TEST_CASE("shuffle is a permutation, and every element moves about", "[random]") {
    std::vector<int> order(1000);
    std::iota(order.begin(), order.end(), 0);
    auto shuffled = order;
    Random random(5, Draw::shuffle);
    shuffle(shuffled.begin(), shuffled.end(), random);
    CHECK(shuffled != order);
    std::sort(shuffled.begin(), shuffled.end());
    CHECK(shuffled == order);
    std::vector<int> empty;
    shuffle(empty.begin(), empty.end(), random);
    CHECK(empty.empty());
    int counts[3][3] = {};
    for (int i = 0; i < 9000; ++i) {
        int three[] = {0, 1, 2};
        shuffle(three, three + 3, random);
        for (int k = 0; k < 3; ++k) ++counts[k][three[k]];
    }
    for (const auto& row : counts)
        for (const int count : row) CHECK(std::abs(count - 3000) < 224);  // a standard deviation is 44.7; five of them
}
