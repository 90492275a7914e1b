// The heartbeat of ranks in a tree, between processes that die, stop and leave.
#include "distributed/heartbeat/heartbeat_tree.h"

#include "tests/distributed/heartbeat_ranks.h"

using namespace keel;
using namespace keel::test;

// Seven ranks in a tree of two: 0 has 1 and 2 below it, 1 has 3 and 4. Whoever is lost, those above it and below it and
// in other branches hear the same.
TEST_CASE("A rank of a tree that dies or stops ends all others, with a line that names it", "[heartbeat]") {
    const int victim = GENERATE(0, 1, 4);
    check_victim(victim, SIGKILL, "in a collective", 7, 2);
    check_victim(victim, SIGSTOP, "in a collective", 7, 2);
}

TEST_CASE("A rank of a tree that is lost in any phase ends all others", "[heartbeat][slow]") {
    const int victim = GENERATE(0, 1, 2, 3, 6), signal = GENERATE(SIGKILL, SIGSTOP);
    check_victim(victim, signal, GENERATE("between steps", "in a collective", "before it", "done"), 7,
                 GENERATE(1, 2, 3));
}

TEST_CASE("A rank of a tree that leaves early, or that others wait for, is named by all", "[heartbeat]") {
    const int culprit = GENERATE(1, 4);
    const bool leaves = GENERATE(true, false);
    CAPTURE(culprit, leaves);
    const Meeting all;
    const auto live = [&](int rank, Heartbeat& heartbeat, const auto&) {
        heartbeat.enter({9, 5}, 100);
        heartbeat.leave();
        all.wait_for(7);
        if (rank == culprit && leaves) {
            heartbeat.abandon(3);
            return;
        }
        if (rank == culprit) block();
        heartbeat.enter({9, 6}, leaves ? 100 : 1);
        block();
    };
    Ranks ranks(7, live, kLimits, 2);
    CHECK(ranks.codes(leaves ? culprit : -1) == std::vector<int>(leaves ? 6U : 7U, kPeerLost));
    for (int rank = 0; rank < 7; ++rank)
        if (!leaves || rank != culprit)
            CHECK_THAT(ranks.line(rank), contains("rank " + std::to_string(culprit) + " on ") &&
                                             contains(leaves ? "left early at step 9, bucket 5 with exit code 3"
                                                             : "keeps the others waiting"));
}
