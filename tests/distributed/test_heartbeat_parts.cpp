// The heartbeat without clocks and processes: frames, judgement, lines, addresses.
#include <random>

#include "distributed/heartbeat/heartbeat_address.h"
#include "distributed/heartbeat/heartbeat_frame.h"
#include "distributed/heartbeat/heartbeat_tree.h"
#include "distributed/heartbeat/rank_watch.h"
#include "distributed/rank_failure.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

namespace {

/// Ranks that are all connected and were heard at second 100.
std::vector<RankState> sound(std::size_t count) {
    std::vector<RankState> ranks(count);
    for (std::size_t r = 0; r < count; ++r)
        ranks[r] = {.host = "node" + std::to_string(r), .connected = true, .heard = 100};
    return ranks;
}

std::optional<RankFailure> judged(const std::vector<RankState>& ranks, double now = 101) {
    return judge(ranks, 90, now, {});
}

}  // namespace

TEST_CASE("A frame comes back as it was sent", "[heartbeat]") {
    const Frame frame{.kind = FrameKind::farewell,
                      .rank = 511,
                      .exit_code = -3,
                      .failure = FailureKind::late,
                      .beat = {{1LL << 40, 17}, 1LL << 50, true, true, 3.25, true},
                      .token = {1, 2, 3, 255}};
    const FrameBytes bytes = encode(frame);
    const std::optional<Frame> back = decode(bytes);
    REQUIRE(back);
    CHECK(encode(*back) == bytes);
    CHECK(back->rank == 511);
    CHECK(back->exit_code == -3);
    CHECK(back->failure == FailureKind::late);
    CHECK(back->beat.place == frame.beat.place);
    CHECK(back->beat.waited == 3.25);
    CHECK(back->token == frame.token);
}

TEST_CASE("Bytes that are no frame are told from frames", "[heartbeat]") {
    const FrameBytes good = encode({.kind = FrameKind::beat, .beat = {.waited = 1}});
    REQUIRE(decode(good));
    std::mt19937 random(1);
    std::uniform_int_distribution<int> byte(0, 255);
    for (int i = 0; i < 1000; ++i) {
        FrameBytes bytes;
        for (auto& b : bytes) b = static_cast<std::uint8_t>(byte(random));
        CHECK_FALSE(decode(bytes));  // 1 in 2^32 at most has the right first word
    }
    const auto with = [&](std::size_t at, std::uint8_t value) {
        FrameBytes bytes = good;
        bytes[at] = value;
        return decode(bytes);
    };
    CHECK_FALSE(with(0, 0));
    CHECK_FALSE(with(4, 0));
    CHECK_FALSE(with(4, 9));
    CHECK_FALSE(with(5, 6));
    CHECK_FALSE(with(6, 8));
    CHECK_FALSE(with(7, 1));
    CHECK_FALSE(with(39, 0xFF));  // the sign of `waited`
    CHECK_FALSE(with(63, 1));
    FrameBytes endless = good;
    std::fill_n(endless.begin() + 32, 8, std::uint8_t{0xFF});  // NaN
    CHECK_FALSE(decode(endless));
}

TEST_CASE("While all is well nobody is to blame", "[heartbeat]") {
    CHECK_FALSE(judged(sound(4)));
    std::vector<RankState> ranks = sound(3);
    ranks[1].beat = {.place = {5, 2}, .collectives = 7, .inside = true, .waited = 3};
    CHECK_FALSE(judged(ranks));
    ranks[0].beat.collectives = ranks[2].beat.collectives = 7;  // done with the collective that rank 1 is still in
    ranks[2].beat.done = true;
    ranks[2].closed = true;
    CHECK_FALSE(judged(ranks));
    CHECK_FALSE(all_done(ranks));
    ranks[0].beat.done = ranks[1].beat.done = true;
    CHECK(all_done(ranks));
}

TEST_CASE("Each kind of failure is told with rank, host and place", "[heartbeat]") {
    std::vector<RankState> ranks = sound(4);
    ranks[2].beat.place = {12, 3};
    const auto text_of = [&](double now = 101) {
        const auto failure = judged(ranks, now);
        return failure ? failure->text() : "";
    };
    SECTION("died") {
        ranks[2].closed = true;
        ranks[1].heard = 0;  // silent too, but that may be why
        CHECK(text_of() == "rank 2 on node2 died, last heard of at step 12, bucket 3");
    }
    SECTION("silent") {
        ranks[2].heard = 92.5;
        CHECK(text_of() ==
              "rank 2 on node2 is silent for 8.5 s (stopped, or cut off), last heard of at step 12, bucket 3");
        CHECK(text_of(100) == "");
    }
    SECTION("left with an error") {
        ranks[2].exit_code = 3;
        CHECK(text_of() == "rank 2 on node2 left early at step 12, bucket 3 with exit code 3");
    }
    SECTION("done too early") {
        ranks[2].beat.collectives = 6;
        ranks[2].beat.done = true;
        ranks[3].beat = {.collectives = 7, .inside = true};
        CHECK_THAT(text_of(), contains("rank 2 on node2 left early"));
    }
    SECTION("late") {
        for (RankState& rank : ranks)
            rank.beat = {.place = {12, 4}, .collectives = 9, .inside = true, .waited = 60, .overdue = true};
        ranks[2].beat = {.place = {12, 3}, .collectives = 8};
        CHECK(text_of() == "rank 2 on node2 keeps the others waiting for 60.0 s at step 12, bucket 4");
        ranks[2].beat = ranks[1].beat;
        CHECK(text_of() == "step 12, bucket 4 is not done after 60.0 s though all ranks are in it");
    }
    SECTION("missing") {
        ranks[2].connected = false;
        for (RankState& rank : ranks) rank.heard = 111;
        CHECK(text_of() == "");
        CHECK(text_of(111) == "rank 2 on node2 did not come to the start within 21.0 s");
        CHECK(RankFailure{.kind = FailureKind::missing, .seconds = 20}.text() ==
              "some rank did not come to the start within 20.0 s");
    }
}

TEST_CASE("A launcher reads from the line who failed", "[heartbeat]") {
    for (const FailureKind kind : {FailureKind::died, FailureKind::silent, FailureKind::left, FailureKind::late,
                                   FailureKind::missing, FailureKind::stuck}) {
        const RankFailure failure{.kind = kind,
                                  .rank = kind == FailureKind::stuck ? -1 : 7,
                                  .host = "n1.x-y",
                                  .place = {3, -1},
                                  .exit_code = 4};
        const auto found = failed_rank("keel train: [rank 2 on node9] " + failure.text());
        CHECK(found.has_value() == (kind != FailureKind::stuck));
        if (found) {
            CHECK(found->rank == 7);
            CHECK(found->exit_code == (kind == FailureKind::left ? 4 : 0));
            CHECK(found->host == "n1.x-y");
        }
    }
    for (const char* line : {"", "rank", "rank ", "rank x on y died", "rank 1 on ", "rank 1 on h", "rank 1 on h lives",
                             "rank 99999999999 on h died", "rank -1 on h died", "rank 1 on  died"})
        CHECK_FALSE(failed_rank(line));
    CHECK(RankFailure{.host = "h"}.text() == "rank -1 on h died, last heard of at the start");
}

TEST_CASE("Rank 0's address goes through a text", "[heartbeat]") {
    HubAddress hub{.host = "node1", .port = 4242, .addresses = {"10.0.0.1", "fd00::1"}};
    draw_tokens(hub);
    CHECK(hub.hello != hub.welcome);
    const std::string text = to_text(hub);
    const HubAddress back = hub_of(text, 3);
    CHECK(back.host == hub.host);
    CHECK(back.port == hub.port);
    CHECK(back.hello == hub.hello);
    CHECK(back.welcome == hub.welcome);
    CHECK(back.addresses == hub.addresses);
    CHECK(host_of(text) == "node1");
    for (std::string bad : {std::string(), std::string("node1"), text + "|", text.substr(0, text.size() - 17),
                            std::string("a|b|c|d|e"), "node1|0" + text.substr(10), "node1|70000" + text.substr(10)})
        CHECK_THROWS_AS(hub_of(bad, 3), IoError);
}

TEST_CASE("A host's name travels in pieces, and is one word of a bounded length", "[heartbeat]") {
    for (const std::string& name : {std::string("n"), std::string(15, 'a'), std::string(16, 'b'), std::string(17, 'c'),
                                    std::string("node-17.cluster.example.org"), std::string(128, 'd')}) {
        std::string back = "what was there before";
        for (const Frame& frame : host_frames(7, name)) {
            const auto sent = decode(encode(frame));
            REQUIRE(sent);
            CHECK(sent->rank == 7);
            add_host(back, *sent);
        }
        CHECK(back == name);
    }
    std::string name;
    for (const Frame& frame : host_frames(0, std::string(1000, 'e'))) add_host(name, frame);
    CHECK(name == std::string(128, 'e'));
    for (const int at : {-16, 16, 1000}) {  // of a piece that does not follow the last one
        std::string kept = "node1";
        Frame frame{.kind = FrameKind::host, .exit_code = at};
        frame.token.fill('x');
        add_host(kept, frame);
        CHECK(kept == "node1");
    }
    Frame odd{.kind = FrameKind::host};
    odd.token = {'a', ' ', 'b', '\n', 0xFF};
    add_host(name, odd);
    CHECK(name == "a_b__");
}

TEST_CASE("Every rank of a tree is reached from rank 0, and none has too many below it", "[heartbeat]") {
    for (const int size : {1, 2, 3, 7, 64, 65, 66, 1000, 1024, 5000}) {
        const int arity = heartbeat_arity(size);
        CAPTURE(size, arity);
        std::vector<int> parents(static_cast<std::size_t>(size), -1);
        std::size_t most = 0;
        for (int rank = 0; rank < size; ++rank) {
            const std::vector<int> children = heartbeat_children(rank, size, arity);
            most = std::max(most, children.size());
            for (const int child : children) {
                CHECK(heartbeat_parent(child, arity) == rank);
                CHECK(heartbeat_branch(child, rank, arity) == child);
                parents[static_cast<std::size_t>(child)] = rank;
            }
        }
        CHECK(most <= (size <= kStarRanks ? 63U : 32U));
        int lost = 0;
        for (int rank = 1; rank < size; ++rank)
            lost += parents[static_cast<std::size_t>(rank)] < 0 || heartbeat_branch(rank, 0, arity) < 1;
        CHECK(lost == 0);
    }
    CHECK(heartbeat_branch(4, 0, 2) == 1);
    CHECK(heartbeat_branch(4, 1, 2) == 4);
    CHECK(heartbeat_branch(4, 2, 2) == -1);
    CHECK(heartbeat_branch(1, 4, 2) == -1);
    CHECK(heartbeat_branch(-1, 0, 2) == -1);
}

TEST_CASE("A rank that passes others on is needed when it is done, and is silent where its watcher says so",
          "[heartbeat]") {
    auto ranks = sound(3);
    ranks[1].closed = ranks[1].beat.done = true;
    CHECK_FALSE(judged(ranks));
    ranks[1].relays = true;
    REQUIRE(judged(ranks));
    CHECK(judged(ranks)->kind == FailureKind::died);
    ranks = sound(3);
    ranks[2].silence = 9;
    REQUIRE(judged(ranks));
    CHECK(judged(ranks)->kind == FailureKind::silent);
    CHECK(judged(ranks)->rank == 2);
    CHECK(judged(ranks)->seconds == 9);
}
