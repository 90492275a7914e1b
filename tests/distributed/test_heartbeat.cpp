// The heartbeat between processes that die, stop and leave.
#include "distributed/heartbeat/heartbeat.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <new>
#include <random>
#include <thread>

#include "distributed/heartbeat/heartbeat_address.h"
#include "kernels/error.h"
#include "tests/distributed/heartbeat_ranks.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("Ranks that finish, however far apart, end well", "[heartbeat]") {
    const int size = GENERATE(1, 2, 5), arity = GENERATE(0, 1, 2);
    const auto live = [](int rank, Heartbeat& heartbeat, const auto&) {
        for (int step = 0; step < 20; ++step)
            for (int bucket = 0; bucket < 3; ++bucket) {
                heartbeat.enter({step, bucket}, 5);
                heartbeat.leave();
            }
        std::this_thread::sleep_for(rank * 100ms);
        heartbeat.finish();
    };
    Ranks ranks(size, live, kLimits, arity);
    CHECK(ranks.codes() == std::vector<int>(static_cast<std::size_t>(size), kFinished));
}

TEST_CASE("A rank that dies ends all others, with a line that names it", "[heartbeat]") {
    check_victim(GENERATE(0, 1, 3), SIGKILL, GENERATE("between steps", "in a collective", "before it", "done"));
}

TEST_CASE("A rank that stops ends all others, with a line that names it", "[heartbeat]") {
    check_victim(GENERATE(0, 2), SIGSTOP, "in a collective");
}

TEST_CASE("A rank that stops in any phase ends all others", "[heartbeat][slow]") {
    check_victim(GENERATE(0, 1, 3), SIGSTOP, GENERATE("between steps", "in a collective", "before it", "done"));
}

TEST_CASE("A stopped rank that goes on finds that the others are gone", "[heartbeat]") {
    const int victim = GENERATE(0, 1);
    Ranks ranks(3, [&](int, Heartbeat&, const auto& reached) {
        reached();
        block();
    });
    ranks.wait_for(3);
    ranks.signal(victim, SIGSTOP);
    CHECK(ranks.codes(victim) == std::vector<int>(2, kPeerLost));
    ranks.signal(victim, SIGCONT);
    CHECK(ranks.code(victim) == kPeerLost);
}

TEST_CASE("All ranks stopped at once and going on is no failure", "[heartbeat]") {
    Ranks ranks(3, [&](int, Heartbeat& heartbeat, const auto& reached) {
        heartbeat.enter({1, 1}, 100);
        std::this_thread::sleep_for(100ms);
        reached();
        std::this_thread::sleep_for(1s);
        heartbeat.leave();
        heartbeat.finish();
    });
    ranks.wait_for(3);
    for (int rank = 0; rank < 3; ++rank) ranks.signal(rank, SIGSTOP);
    std::this_thread::sleep_for(2s);
    for (int rank = 0; rank < 3; ++rank) ranks.signal(rank, SIGCONT);
    CHECK(ranks.codes() == std::vector<int>(3, kFinished));
}

TEST_CASE("A rank that ends early is named with its exit code", "[heartbeat]") {
    const int leaver = GENERATE(0, 2);
    const std::string how = GENERATE("abandon", "destructor", "finish");
    CAPTURE(leaver, how);
    Ranks ranks(3, [&](int rank, Heartbeat& heartbeat, const auto&) {
        heartbeat.enter({4, 0}, 100);
        heartbeat.leave();
        if (rank == leaver) {
            if (how == "abandon") heartbeat.abandon(3);
            if (how == "finish") heartbeat.finish();
            if (how != "finish") return;
        }
        heartbeat.enter({4, 1}, 100);
        block();
    });
    const std::vector<int> codes = ranks.codes(leaver);
    CHECK(codes == std::vector<int>(2, kPeerLost));
    CHECK_THAT(ranks.line(leaver == 0 ? 1 : 0), contains("rank " + std::to_string(leaver)) &&
                                                    contains("left early at step 4, bucket 0") &&
                                                    contains("exit code " + std::string(how == "abandon"  ? "3"
                                                                                        : how == "finish" ? "0"
                                                                                                          : "1")));
}

TEST_CASE("A rank that beats but does not come to a collective is named at the deadline", "[heartbeat]") {
    const Meeting all;
    Ranks ranks(3, [&](int rank, Heartbeat& heartbeat, const auto&) {
        heartbeat.enter({9, 5}, 100);
        heartbeat.leave();
        all.wait_for(3);  // whoever starts late on a busy machine keeps nobody waiting
        if (rank == 1) block();
        heartbeat.enter({9, 6}, 1);
        block();
    });
    CHECK(ranks.codes() == std::vector<int>(3, kPeerLost));
    for (const int rank : {0, 1, 2})
        CHECK_THAT(ranks.line(rank),
                   contains("rank 1 on") && contains("keeps the others waiting") && contains("step 9, bucket 6"));
}

TEST_CASE("A collective that all ranks are in and that does not end is named", "[heartbeat]") {
    const Meeting all;
    Ranks ranks(2, [&](int, Heartbeat& heartbeat, const auto&) {
        all.wait_for(2);
        heartbeat.enter({3, 1}, 1);
        block();
    });
    CHECK(ranks.codes() == std::vector<int>(2, kPeerLost));
    CHECK_THAT(ranks.line(1), contains("step 3, bucket 1 is not done after"));
}

TEST_CASE("A rank that does not come to the start is missed, before and behind the exchange", "[heartbeat]") {
    const TemporaryFolder folder;
    std::atomic<int> failures = 0;
    std::string line;
    const auto note = [&](const RankFailure& failure) {
        line = failure.text();
        ++failures;
    };
    SECTION("before") {
        const auto never = [&](const std::vector<int>&, const std::string&) -> std::vector<std::string> {
            for (int i = 0; i < 1000 && failures == 0; ++i) std::this_thread::sleep_for(10ms);
            return {"one", "too many"};
        };
        CHECK_THROWS_AS(Heartbeat({.rank = 0, .size = 2, .limits = {.start = 0.2}}, never, note), IoError);
        CHECK_THAT(line, contains("some rank did not come to the start"));
    }
    SECTION("behind, seen by rank 0") {
        const auto both = [&](const std::vector<int>&, const std::string&) {
            return std::vector<std::string>{"node1"};
        };
        Heartbeat heartbeat({.rank = 0, .size = 2, .limits = {.start = 0.2}, .interval = 0.05}, both, note);
        CHECK_THROWS_WITH(heartbeat.finish(), contains("rank 1 on node1 did not come to the start"));
    }
    SECTION("behind, under a rank in between") {
        // Rank 1 is there, and knows of rank 2, which does not come.
        HubAddress hub;
        std::atomic<bool> known = false;
        const auto exchange = [&](int rank) {
            return [&, rank](const std::vector<int>&, const std::string& mine) {
                if (rank == 0) hub = hub_of(mine, 0), known = true;
                while (!known) std::this_thread::sleep_for(1ms);
                return rank == 0 ? std::vector<std::string>{"node1"} : std::vector<std::string>{"node2", to_text(hub)};
            };
        };
        const auto options = [](int rank) {
            return HeartbeatOptions{
                .rank = rank, .size = 3, .limits = {.silence = 5, .start = 0.5}, .interval = 0.05, .arity = 1};
        };
        std::thread second([&] {  // says it through `note`, for Catch2 hears of one thread at a time
            Heartbeat heartbeat(options(1), exchange(1), note);
            try {
                heartbeat.finish();
            } catch (const IoError&) {
            }
        });
        Heartbeat heartbeat(options(0), exchange(0), [](const RankFailure&) {});
        CHECK_THROWS_WITH(heartbeat.finish(), contains("rank 2 on node2 did not come to the start"));
        second.join();
        CHECK_THAT(line, contains("rank 2 on node2 did not come to the start"));
    }
    SECTION("behind, seen by another") {
        HubAddress hub{.host = "node0", .port = 1, .addresses = {"127.0.0.1", "no address"}};
        const auto both = [&](const std::vector<int>&, const std::string&) {
            return std::vector<std::string>{to_text(hub)};
        };
        CHECK_THROWS_WITH(Heartbeat({.rank = 1, .size = 2, .limits = {.start = 0.2}}, both, note),
                          contains("cannot reach rank 0 on node0"));
    }
}

TEST_CASE("Strangers on the port disturb nobody", "[heartbeat]") {
    const TemporaryFolder folder;
    HubAddress hub;
    std::atomic<bool> known = false, over = false;
    std::string lines;
    const auto note = [&](const RankFailure& failure) { lines += failure.text() + "\n"; };
    // Strangers talk from before the first rank comes until the end.
    std::thread strangers([&] {
        while (!known) std::this_thread::sleep_for(1ms);
        std::mt19937 random(5);
        std::vector<Descriptor> connections;
        while (!over) {
            Descriptor socket = tcp::connect("127.0.0.1", hub.port);
            std::vector<std::uint8_t> bytes(random() % 300);
            for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
            Frame frame{.kind = static_cast<FrameKind>(1 + random() % 8), .rank = static_cast<int>(random() % 5) - 1};
            const FrameBytes framed = encode(frame);
            if (socket) {
                std::this_thread::sleep_for(1ms);
                static_cast<void>(tcp::send(socket, random() % 2 == 0 ? std::span<const std::uint8_t>(bytes) : framed));
                connections.push_back(std::move(socket));  // most stay open and say no more
            }
            if (connections.size() > 200) connections.clear();
        }
    });
    std::vector<std::string> texts(3);
    std::atomic<int> came = 0;
    const auto exchange = [&](int rank) {
        return [&, rank](const std::vector<int>& with, const std::string& mine) {
            texts[static_cast<std::size_t>(rank)] = mine;
            if (rank == 0) {
                hub = hub_of(mine, 0);
                known = true;
                std::this_thread::sleep_for(200ms);
            }
            ++came;
            while (came < 3) std::this_thread::sleep_for(1ms);
            std::vector<std::string> theirs;
            for (const int other : with) theirs.push_back(texts[static_cast<std::size_t>(other)]);
            return theirs;
        };
    };
    std::vector<std::thread> ranks;
    std::atomic<int> finished = 0;
    for (int rank = 0; rank < 3; ++rank)
        ranks.emplace_back([&, rank] {
            Heartbeat heartbeat({.rank = rank, .size = 3, .limits = {.silence = 5, .start = 10}, .interval = 0.02},
                                exchange(rank), note);
            for (int step = 0; step < 20; ++step) {
                heartbeat.enter({step, 0}, 10);
                std::this_thread::sleep_for(10ms);
                heartbeat.leave();
            }
            heartbeat.finish();
            ++finished;
        });
    for (std::thread& rank : ranks) rank.join();
    over = true;
    strangers.join();
    CHECK(finished == 3);
    CHECK(lines == "");
    hub.addresses = {"127.0.0.1"};
    CHECK_THROWS_AS(reach(hub, 0, 1, 0.05), IoError);  // the port was closed once all were there
}
