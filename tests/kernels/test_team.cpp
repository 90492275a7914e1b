#include "kernels/team.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"
#include "kernels/topology.h"

using namespace keel;

namespace {

/// Sums 0 .. count - 1 in many regions; returns whether each of them was right.
bool sums_are_right(int regions, std::int64_t count = 1000) {
    for (int i = 0; i < regions; ++i) {
        std::atomic<std::int64_t> sum = 0;
        parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
            std::int64_t own = 0;
            for (std::int64_t j = begin; j < end; ++j) own += j;
            sum += own;
        });
        if (sum != count * (count - 1) / 2) return false;
    }
    return true;
}

/// Whether a child of fork() ends with 0.
template <class Body>
bool child_is_well(const Body& body) {
    const pid_t child = ::fork();
    if (child == 0) std::_Exit(body() ? 0 : 1);
    int status = 1;
    return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

TEST_CASE("Callers of any number share the team, and each has its region whole", "[team]") {
    for (const int threads : {2, 3, 7}) {
        const ThreadScope scope(threads);
        std::atomic<int> wrong = 0;
        std::vector<std::thread> callers;
        for (int caller = 0; caller < 12; ++caller)  // more than the team has jobs
            callers.emplace_back([&, caller] { wrong += sums_are_right(300, 50 + caller) ? 0 : 1; });
        for (std::thread& caller : callers) caller.join();
        CHECK(wrong == 0);
    }
}

TEST_CASE("Parts are those of the team's size, whoever is there to run them", "[team]") {
    const ThreadScope scope(64);               // more than the machine runs at a time
    for (const std::size_t grain : {1, 10}) {  // a share of 100 grains is six parts
        std::vector<std::atomic<int>> lengths(6400);
        parallel_for(6400, static_cast<std::int64_t>(grain), [&](std::int64_t begin, std::int64_t end) {
            lengths[static_cast<std::size_t>(begin)] = static_cast<int>(end - begin);
        });
        const std::size_t length = grain == 1 ? 6400 / (64 * 6) : 100;
        std::size_t next = 0;
        for (std::size_t i = 0; i < lengths.size(); ++i) {
            REQUIRE((lengths[i] != 0) == (i == next));
            if (i != next) continue;
            REQUIRE(static_cast<std::size_t>(lengths[i]) >= length);
            REQUIRE(static_cast<std::size_t>(lengths[i]) <= length + 1);
            next += static_cast<std::size_t>(lengths[i]);
        }
    }
    CHECK(running_threads() <= std::max(usable_processors(), 1));
    CHECK(team_shortage() == "");
}

TEST_CASE("Parts that are more than threads are run once each, and threads of a region have places of their own",
          "[team]") {
    for (const int threads : {1, 3, 64}) {
        const ThreadScope scope(threads);
        for (const std::int64_t parts : {1, 2, 3, 40, 1000}) {
            const PartPlaces places(parts);
            REQUIRE(places.count <= std::min<std::int64_t>(parts, threads));
            std::vector<std::atomic<int>> runs(static_cast<std::size_t>(parts)),
                users(static_cast<std::size_t>(places.count));
            std::atomic<int> shared = 0;
            parallel_parts(parts, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i) {
                    std::atomic<int>& place = users[static_cast<std::size_t>(places.of(i))];
                    shared += place++;
                    ++runs[static_cast<std::size_t>(i)];
                    --place;
                }
            });
            CHECK(shared == 0);
            for (const std::atomic<int>& count : runs) REQUIRE(count == 1);
        }
    }
}

TEST_CASE("A share begins where another one ends, and its thread takes those of others last", "[team]") {
    detail::Region region;
    region.parts = 16;
    region.slots = 3;
    CHECK(region.part_of(0, 0) == 0);
    CHECK(region.part_of(1, 0) == 5);
    CHECK(region.part_of(2, 0) == 10);
    CHECK(region.part_of(2, 6) == 0);
    region.parts = 3;
    region.slots = 8;
    CHECK(region.part_of(2, 0) == 2);
    CHECK(region.part_of(7, 0) == 1);
}

TEST_CASE("An exception of one caller is none of another's", "[team]") {
    const ThreadScope scope(3);
    std::atomic<int> caught = 0, wrong = 0;
    std::thread thrower([&] {
        for (int i = 0; i < 200; ++i) try {
                parallel_for(9, 1, [](std::int64_t, std::int64_t) { throw InputError("[test] every part"); });
            } catch (const InputError&) {
                ++caught;
            }
    });
    wrong += sums_are_right(200) ? 0 : 1;
    thrower.join();
    CHECK(caught == 200);
    CHECK(wrong == 0);
}

TEST_CASE("A child of fork() computes, and so does its child", "[team][fork]") {
    const ThreadScope scope(3);
    REQUIRE(sums_are_right(3));
    for (int i = 0; i < 5; ++i) {
        CHECK(child_is_well([] { return sums_are_right(20) && child_is_well([] { return sums_are_right(20); }); }));
        CHECK(sums_are_right(20));
    }
}

TEST_CASE("A child that is forked while other threads compute computes", "[team][fork]") {
    const ThreadScope scope(3);
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i)
        others.emplace_back([&] {
            while (!stop) wrong += sums_are_right(10) ? 0 : 1;
        });
    for (int i = 0; i < 10; ++i) CHECK(child_is_well([] { return sums_are_right(20); }));
    stop = true;
    for (std::thread& other : others) other.join();
    CHECK(wrong == 0);
}

TEST_CASE("Scratch memory that is trimmed is there again when it is wanted", "[team]") {
    const ThreadScope scope(4);
    const auto use = [] {
        std::atomic<int> wrong = 0;
        parallel_for(4, 1, [&](std::int64_t begin, std::int64_t) {
            auto* memory = kernels::scratch(100'000);
            if (reinterpret_cast<std::uintptr_t>(memory) % 64 != 0) ++wrong;
            std::fill_n(memory, 100'000, static_cast<std::byte>(begin));
        });
        return wrong == 0;
    };
    for (int i = 0; i < 5; ++i) {
        CHECK(use());
        trim_threads();
    }
}

TEST_CASE("Beside busy processes regions are whole, and each thread keeps the processors that it may use", "[team]") {
    const ThreadScope scope(std::clamp(usable_processors(), 2, 4));
    std::vector<pid_t> busy;
    for (int i = 0; i < 2 * usable_processors(); ++i) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) asm volatile("");
        }
        busy.push_back(child);
    }
    cpu_set_t before, after;
    REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
    bool right = true;
    for (int i = 0; i < 40; ++i)  // parts of a few hundred microseconds, in the midst of which processors are lost
        right = sums_are_right(1, 2'000'000) && right;
    for (const pid_t child : busy) {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
    CHECK(right);
    REQUIRE(::sched_getaffinity(0, sizeof after, &after) == 0);
    CHECK(CPU_EQUAL(&before, &after));
    CHECK(sums_are_right(100));
}

TEST_CASE("A worker that holds a part and does not run gets the caller's processor, until the part is done", "[team]") {
    if (usable_processors() < 2) {
        SUCCEED("there is one processor only");
        return;
    }
    const ThreadScope scope(2);
    start_threads();
    const auto processors_of = [](int thread) {
        cpu_set_t mask;
        std::set<int> ids;
        if (::sched_getaffinity(thread, sizeof mask, &mask) != 0) return ids;
        for (int i = 0; i < CPU_SETSIZE; ++i)
            if (CPU_ISSET(static_cast<std::size_t>(i), &mask)) ids.insert(i);
        return ids;
    };
    const int me = ::gettid();
    bool lent = false;
    for (int attempt = 0; attempt < 50 && !lent; ++attempt) {  // the caller may have to run both parts
        int worker = 0;
        std::set<int> meanwhile;
        parallel_parts(2, [&](std::int64_t, std::int64_t) {
            if (::gettid() == me) return std::this_thread::sleep_for(std::chrono::milliseconds(1));
            worker = ::gettid();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));  // it does not run
            meanwhile = processors_of(worker);
        });
        if (worker == 0 || meanwhile.size() != 1) continue;
        lent = true;
        const int processor = *meanwhile.begin();
        std::set<int> after;
        for (int i = 0; i < 1000 && (after.empty() || after.contains(processor)); ++i) {
            after = processors_of(worker);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        CHECK_FALSE(after.empty());
        CHECK_FALSE(after.contains(processor));
    }
    CHECK(lent);
    CHECK(sums_are_right(100));
}

TEST_CASE("Time that others took only grows, where the system counts it", "[team]") {
    const ThreadScope scope(3);
    CHECK(sums_are_right(10));
    const std::int64_t before = stolen_ns();
    CHECK(sums_are_right(10));
    const std::int64_t after = stolen_ns();
    CHECK(before >= -1);
    CHECK((before >= 0) == (after >= 0));
    CHECK(after >= before);
}

TEST_CASE("Processors that are taken away are not computed on", "[team]") {
    // In a process of its own: it gives up all of its processors but one, as a cpuset that shrinks would have it.
    const ThreadScope scope(4);
    CHECK(child_is_well([] {
        if (!sums_are_right(5)) return false;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(allowed_cpus().front().id), &one);
        if (::sched_setaffinity(0, sizeof one, &one) != 0) return false;
        return usable_processors() == 1 && sums_are_right(2000);
    }));
}

TEST_CASE("Who proves harmful again soon is left alone for longer", "[crowding]") {
    Backoff backoff(8, 100);
    CHECK(backoff.next(0) == 8);     // until 8
    CHECK(backoff.next(10) == 16);   // soon after: until 26
    CHECK(backoff.next(150) == 32);  // 150 - 26 < 8 * 16
    CHECK(backoff.next(190) == 64);
    CHECK(backoff.next(300) == 100);   // no longer than that
    CHECK(backoff.next(10'000) == 8);  // long after
    CHECK(patience_ns(0) == 8 * kMillisecond);
    CHECK(patience_ns(10 * kMillisecond) == 15 * kMillisecond);
    CHECK(had_processor(400, 500));
    CHECK_FALSE(had_processor(100, 500));
}

TEST_CASE("How long a thread turns is what OpenMP's variables say", "[crowding]") {
    const std::int64_t usual = turning_ns(nullptr, nullptr);
    CHECK(usual > 0);
    CHECK(usual < kMillisecond);
    CHECK(turning_ns("passive", nullptr) == 0);
    CHECK(turning_ns("PASSIVE", "") == 0);
    CHECK(turning_ns("active", nullptr) > 1000 * kSecond);
    CHECK(turning_ns(nullptr, "infinity") == turning_ns("active", nullptr));
    CHECK(turning_ns("active", "0") == 0);  // the more exact one counts
    CHECK(turning_ns(nullptr, "2k") == 2 * turning_ns(nullptr, "1000"));
    CHECK(turning_ns(nullptr, "1M") == 1000 * turning_ns(nullptr, "1k"));
    CHECK(turning_ns(nullptr, "1e300") == turning_ns("active", nullptr));
    for (const char* nonsense : {"", "many", "-3", "10x", "5kk"}) CHECK(turning_ns(nullptr, nonsense) == usual);
    CHECK(turning_ns("nonsense", nullptr) == usual);
}
