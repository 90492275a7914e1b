// The pipeline that the loader, packing and checking share.
#include "data/pipeline/ordered.h"

#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("Results are taken in order, each once, by any number of workers", "[ordered]") {
    for (const int workers : {1, 2, 5}) {
        for (const std::int64_t count : {0, 1, 2, 3, 97}) {
            std::vector<std::int64_t> taken;
            for_each_in_order<std::int64_t>(
                count, workers,
                [](std::int64_t i) {
                    if (i % 7 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // these come late
                    return i * i;
                },
                [&](std::int64_t i, std::int64_t& square) {
                    CHECK(square == i * i);
                    taken.push_back(i);
                });
            REQUIRE(std::ssize(taken) == count);
            for (std::int64_t i = 0; i < count; ++i) CHECK(taken[static_cast<std::size_t>(i)] == i);
        }
    }
}

TEST_CASE("No more items are under way than there are slots", "[ordered]") {
    constexpr std::size_t kSlots = 6;
    std::atomic<int> under_way{0};
    int left = 200, most = 0;
    const std::atomic<bool> never{false};
    std::mutex mutex;
    std::set<std::size_t> in_work;
    run_ordered_apart(kSlots, 3, never,
                      {.draw =
                           [&](std::size_t slot) {
                               if (left == 0) return false;
                               --left;
                               most = std::max(most, ++under_way);
                               const std::lock_guard lock(mutex);
                               CHECK(in_work.insert(slot).second);  // it was free
                               return true;
                           },
                       .work = [&](std::size_t) { std::this_thread::yield(); },
                       .take =
                           [&](std::size_t slot) {
                               const std::lock_guard lock(mutex);
                               CHECK(in_work.erase(slot) == 1);
                               --under_way;
                           }});
    CHECK(left == 0);
    CHECK(under_way == 0);
    CHECK(most <= static_cast<int>(kSlots));
}

TEST_CASE("Once cancelled nothing is drawn, worked on or taken", "[ordered]") {
    std::atomic<bool> cancel{false};
    std::int64_t drawn = 0, taken = 0;
    run_ordered_apart(4, 2, cancel,
                      {.draw = [&](std::size_t) { return ++drawn > 0; },  // would never end
                       .work = [](std::size_t) {},
                       .take =
                           [&](std::size_t) {
                               CHECK_FALSE(cancel);
                               if (++taken == 50) cancel = true;
                           }});
    CHECK(taken == 50);
    CHECK((drawn >= 50 && drawn <= 50 + 4));
    cancel = true;
    run_ordered_apart(4, 2, cancel,
                      {.draw = [&](std::size_t) { return ++drawn > 0; },
                       .work = [&](std::size_t) { ++taken; },
                       .take = [&](std::size_t) { ++taken; }});
    CHECK(taken == 50);
}

TEST_CASE("The first exception of any stage ends the loop and is thrown", "[ordered]") {
    const auto make = [](std::int64_t bad) {
        return [bad](std::int64_t i) {
            if (i == bad) throw std::runtime_error("bad item");
            return i;
        };
    };
    std::int64_t taken = 0;
    const auto count = [&](std::int64_t, std::int64_t&) { ++taken; };
    CHECK_THROWS_AS(for_each_in_order<std::int64_t>(100, 3, make(40), count), std::runtime_error);
    CHECK(taken <= 40);
    const auto refuse = [](std::int64_t i, std::int64_t&) {
        if (i == 10) throw std::logic_error("bad sink");
    };
    CHECK_THROWS_AS(for_each_in_order<std::int64_t>(100, 3, make(-1), refuse), std::logic_error);
    const std::atomic<bool> never{false};
    const OrderedStages stages{.draw = [](std::size_t) -> bool { throw std::runtime_error("bad source"); },
                               .work = [](std::size_t) {},
                               .take = [](std::size_t) {}};
    CHECK_THROWS_AS(run_ordered_apart(2, 1, never, stages), std::runtime_error);
}
