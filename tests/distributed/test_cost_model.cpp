// Predicted times against what the formulas must say in cases that can be counted by hand.
#include "distributed/planning/cost_model.h"

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

constexpr CostModel kModel{.alpha = 1, .beta = 0.25, .gamma = 0.125, .node_alpha = 0.5, .node_gamma = 0.0625};

}  // namespace

TEST_CASE("the names of algorithms", "[cost_model]") {
    for (const Algorithm a : {Algorithm::ring, Algorithm::halving_doubling, Algorithm::hierarchical})
        CHECK(algorithm_of(name(a)) == a);
    CHECK_THROWS_AS(algorithm_of("tree"), UsageError);
}

TEST_CASE("one rank needs no time", "[cost_model]") {
    for (const Algorithm a : {Algorithm::ring, Algorithm::halving_doubling, Algorithm::hierarchical})
        CHECK(predicted_seconds(a, kModel, {1, 1}, 1000) == 0);
}

TEST_CASE("a ring's steps, bytes and additions", "[cost_model]") {
    // Four ranks, 64 bytes, blocks of 16 in two segments of 8: three steps of two messages each way; the wire is slower
    // than the additions, of which one segment in each step is not hidden.
    CHECK(predicted_seconds(Algorithm::ring, kModel, {4, 1}, 64, 8) ==
          3 * (2 + 16 * 0.25 + 8 * 0.125) + 3 * (2 + 16 * 0.25));
}

TEST_CASE("halving and doubling, and ranks beyond a power of two", "[cost_model]") {
    const double four = 2 * ((1 + 32 * 0.25) + (1 + 16 * 0.25)) + (32 + 16) * 0.125;
    CHECK(predicted_seconds(Algorithm::halving_doubling, kModel, {4, 1}, 64, 64) == four);
    CHECK(predicted_seconds(Algorithm::halving_doubling, kModel, {5, 1}, 64, 64) ==
          four + 2 * (1 + 64 * 0.25) + 64 * 0.125);
}

TEST_CASE("shared memory first, then rings that share the node's port", "[cost_model]") {
    // What fits into a slot is added by all with one wait, more of it by each in its share with two.
    CHECK(predicted_seconds(Algorithm::hierarchical, kModel, {2, 2}, 64) == 0.5 + 64 * 0.0625);
    CHECK(predicted_seconds(Algorithm::hierarchical, kModel, {2, 2}, 1 << 15) == 2 * 0.5 + (1 << 14) * 0.0625);
    const double node = 2 * 0.5 + 32 * 0.0625, back = 0.5 + 32 * 0.0625;
    const double ring = 1 * (1 + 16 * 0.5 + 16 * 0.125) + 1 * (1 + 16 * 0.5);
    CHECK(predicted_seconds(Algorithm::hierarchical, kModel, {4, 2}, 64) == node + ring + back);
}

TEST_CASE("short messages go by halving, long ones round the ring", "[cost_model]") {
    const CostModel fabric{.alpha = 2e-6, .beta = 8e-11, .gamma = 2e-10};
    const Cluster cluster{64, 1};
    CHECK(fastest_algorithm(fabric, cluster, 1 << 10, false) == Algorithm::halving_doubling);
    CHECK(fastest_algorithm(fabric, cluster, 256 << 20, false) == Algorithm::ring);
    // On a slow wire the ring's extra rounds cost more than sums in shared memory.
    const CostModel ethernet{.alpha = 5e-5, .beta = 8e-9, .gamma = 2e-10};
    CHECK(fastest_algorithm(ethernet, {64, 8}, 256 << 20, true) == Algorithm::hierarchical);
    CHECK(fastest_algorithm(ethernet, {64, 8}, 256 << 20, false) == Algorithm::ring);
}
