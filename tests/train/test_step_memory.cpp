#include "train/step_memory.h"

#include <cstddef>
#include <vector>

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

/// Addresses that stand for blocks; nobody touches them.
const std::byte* block_at(std::size_t number) { return reinterpret_cast<const std::byte*>(4096 * (number + 1)); }

/// A step of n images: two maps that live on, one that is given back between, and a vector of a fixed size.
std::vector<ArenaEvent> step_of(std::size_t n, std::size_t first_address) {
    constexpr std::size_t kMiB = std::size_t{1} << 20;
    const auto at = [&](std::size_t k) { return block_at(first_address + k); };
    return {{at(9), 64, false},  // of before
            {at(0), n * kMiB, true},      {at(1), 3 * n * kMiB, true}, {at(2), 5 * kMiB, true},
            {at(1), 3 * n * kMiB, false}, {at(1), 2 * n * kMiB, true}, {at(0), n * kMiB, false},
            {at(1), 2 * n * kMiB, false}, {at(2), 5 * kMiB, false}};
}

}  // namespace

TEST_CASE("The memory of a step of many images is drawn from two of few", "[memory]") {
    constexpr std::int64_t kMiB = std::int64_t{1} << 20;
    const auto script = StepScript::draw(step_of(1, 0), 1, step_of(2, 100), 2);
    REQUIRE(script);
    CHECK(script->peak(1) == 9 * kMiB);
    CHECK(script->peak(2) == 13 * kMiB);
    CHECK(script->peak(100) == 405 * kMiB);
    // An arena takes 16 MiB at a time, and a line of 64 bytes and one more beside each block.
    const std::int64_t reserved = script->reserved(100, 7 * kMiB);
    CHECK(reserved >= 412 * kMiB);
    CHECK(reserved <= (412 + 16 + 1) * kMiB);
}

TEST_CASE("Steps that take other blocks are not drawn through", "[memory]") {
    const auto one = step_of(1, 0);
    auto two = step_of(2, 0);
    CHECK(StepScript::draw(one, 1, two, 2));
    two.pop_back();
    CHECK_FALSE(StepScript::draw(one, 1, two, 2));
    two = step_of(2, 0);
    std::swap(two[1], two[2]);
    two[1].bytes = 1;  // less of more images
    CHECK_FALSE(StepScript::draw(one, 1, two, 2));
    CHECK_THROWS_AS(StepScript::draw(one, 2, two, 2), UsageError);
    CHECK_THROWS_AS(StepScript::draw(one, 0, two, 2), UsageError);
}
