// Decisions at made-up times: nothing waits, computes or sleeps here.
#include "serve/batch_plan.h"

#include <algorithm>
#include <array>
#include <vector>

#include "tests/support/catch.h"

using namespace keel::serve;
using std::chrono::milliseconds;

namespace {

const BatchLimits kLimits{.max_batch = 8, .max_delay = milliseconds(5), .max_queue = 64};

TimePoint at(std::int64_t ms) { return TimePoint(milliseconds(ms)); }

BatchDecision decide(const std::vector<QueueView>& queues, std::int64_t ms) {
    return decide_batch(queues, kLimits, at(ms));
}

}  // namespace

TEST_CASE("Nothing that waits is nobody's turn", "[batch_plan]") {
    CHECK_FALSE(decide({}, 3).queue);
    CHECK(decide({}, 3).wake == TimePoint::max());
    CHECK_FALSE(decide({{.images = 0, .oldest = TimePoint::max(), .coming = 4}}, 3).queue);
}

TEST_CASE("An image alone is computed at once, and waits where company is on its way", "[batch_plan]") {
    CHECK(decide({{.images = 1, .oldest = at(10)}}, 10).queue == 0U);
    const BatchDecision waits = decide({{.images = 1, .oldest = at(10), .coming = 1}}, 12);
    CHECK_FALSE(waits.queue);
    CHECK(waits.wake == at(15));
    CHECK(decide({{.images = 1, .oldest = at(10), .coming = 1}}, 15).queue == 0U);
    CHECK(decide({{.images = 8, .oldest = at(10), .coming = 1}}, 10).queue == 0U);  // a batch is full
    CHECK(decide({{.images = 9, .oldest = at(10), .coming = 1}}, 10).queue == 0U);
}

TEST_CASE("Of two that wait for company the sooner one says when to look again", "[batch_plan]") {
    const BatchDecision waits =
        decide({{.images = 1, .oldest = at(12), .coming = 1}, {.images = 2, .oldest = at(11), .coming = 3}}, 13);
    CHECK_FALSE(waits.queue);
    CHECK(waits.wake == at(16));
    // One that need not wait goes first, whatever it had.
    CHECK(decide({{.images = 1, .oldest = at(12), .coming = 1}, {.images = 1, .oldest = at(13), .served = 9}}, 13)
              .queue == 1U);
}

TEST_CASE("It is the turn of who had the least, of equals of who waits the longest", "[batch_plan]") {
    CHECK(decide({{.images = 8, .oldest = at(0), .served = 2}, {.images = 1, .oldest = at(9), .served = 1}}, 9).queue ==
          1U);
    CHECK(decide({{.images = 1, .oldest = at(5), .served = 1}, {.images = 1, .oldest = at(4), .served = 1}}, 9).queue ==
          1U);
    CHECK(decide({{.images = 1, .oldest = at(4), .served = 1}, {.images = 1, .oldest = at(4), .served = 1}}, 9).queue ==
          0U);
}

TEST_CASE("Models get the same time, however many ask for them and however dear they are", "[batch_plan]") {
    // A model whose images take 1 ms and for which 100 wait all the time, one of 5 ms and a steady 8, and one of 2 ms
    // that comes only after 3 s.
    const std::array<double, 3> each{1, 5, 2};
    const std::array<std::int64_t, 3> waiting{100, 8, 50};
    std::array<double, 3> served{}, late{};
    double last_turn = 0, now = 0;
    bool third = false;
    while (now < 6000) {
        if (!third && now >= 3000) {
            third = true;
            served[2] = fair_start(served[2], last_turn);
            late = served;
        }
        std::vector<QueueView> queues;
        for (std::size_t i = 0; i < 3; ++i)
            queues.push_back({.images = i < 2 || third ? waiting[i] : 0, .oldest = at(0), .served = served[i]});
        const BatchDecision decision = decide_batch(queues, kLimits, at(static_cast<std::int64_t>(now) + 1000));
        REQUIRE(decision.queue);
        const std::size_t i = *decision.queue;
        const double took = each[i] * static_cast<double>(std::min(waiting[i], kLimits.max_batch));
        last_turn = served[i];
        served[i] += took;
        now += took;
    }
    const double batch = 40;  // no two differ by more than the dearest batch
    CHECK(std::abs(late[0] - late[1]) <= batch);
    CHECK(std::abs((served[0] - late[0]) - 1000) <= batch);
    CHECK(std::abs((served[1] - late[1]) - 1000) <= batch);
    CHECK(std::abs((served[2] - late[2]) - 1000) <= batch);
}

TEST_CASE("Who comes after a pause starts level, and keeps what it had had", "[batch_plan]") {
    CHECK(fair_start(0, 7) == 7);
    CHECK(fair_start(9, 7) == 9);
}
