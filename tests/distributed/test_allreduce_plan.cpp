// Plans, run by a simulation: every rank in turn does what it can, so that whatever order the network may choose is one
// of many.
#include "distributed/collectives/allreduce_plan.h"

#include <bit>
#include <deque>
#include <map>

#include "kernels/random.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

using Planner = AllreducePlan (*)(int, int, std::int64_t, std::int64_t);

/// Runs the plans of all ranks on integers; the ranks are taken in a random order. False if they block one another.
bool simulate(const std::vector<AllreducePlan>& plans, std::vector<std::vector<std::int64_t>>& data, Random& random) {
    struct Rank {
        std::int64_t sent = 0, received = 0;
    };
    std::vector<Rank> ranks(plans.size());
    std::map<std::pair<int, int>, std::deque<std::vector<std::int64_t>>> wires;
    std::vector<std::size_t> active;
    for (std::size_t r = 0; r < plans.size(); ++r) active.push_back(r);
    int idle = 0;
    while (!active.empty() && idle < 100 * static_cast<int>(plans.size())) {
        const std::size_t pick = random.below(static_cast<std::uint32_t>(active.size())), r = active[pick];
        const AllreducePlan& plan = plans[r];
        Rank& at = ranks[r];
        ++idle;
        const std::int64_t steps = plan.size();
        if (at.sent < steps && plan[at.sent].after < at.received) {
            const Transfer step = plan[at.sent++];
            if (step.to >= 0)
                wires[{static_cast<int>(r), step.to}].emplace_back(data[r].begin() + step.sent.begin,
                                                                   data[r].begin() + step.sent.end());
            idle = 0;
        } else if (at.received < steps) {
            const Transfer step = plan[at.received];
            if (step.from >= 0) {
                auto& wire = wires[{step.from, static_cast<int>(r)}];
                if (wire.empty()) continue;
                if (std::ssize(wire.front()) != step.received.count) return false;
                for (std::int64_t i = 0; i < step.received.count; ++i) {
                    auto& value = data[r][static_cast<std::size_t>(step.received.begin + i)];
                    value = wire.front()[static_cast<std::size_t>(i)] + (step.adds ? value : 0);
                }
                wire.pop_front();
            }
            ++at.received;
            idle = 0;
        }
        if (at.sent == steps && at.received == steps) active.erase(active.begin() + static_cast<std::ptrdiff_t>(pick));
    }
    for (const auto& [ends, wire] : wires)
        if (!wire.empty()) return false;
    return active.empty();
}

void check_planner(Planner planner) {
    Random random(1, Draw::synthesize);
    for (const int ranks : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 32})
        for (const std::int64_t count : {0, 1, ranks - 1, ranks, ranks + 1, 97, 1009})
            for (const std::int64_t segment : {1L, 7L, 64L, 1L << 20}) {
                if (segment == 1 && count > 97) continue;
                CAPTURE(ranks, count, segment);
                std::vector<AllreducePlan> plans;
                std::vector<std::vector<std::int64_t>> data;
                for (int r = 0; r < ranks; ++r) {
                    plans.push_back(planner(r, ranks, count, segment));
                    auto& own = data.emplace_back();
                    for (std::int64_t i = 0; i < count; ++i) own.push_back((r + 1) * (i + 3));
                }
                REQUIRE(simulate(plans, data, random));
                std::size_t wrong = 0;
                for (const auto& own : data)
                    for (std::int64_t i = 0; i < count; ++i)
                        wrong += own[static_cast<std::size_t>(i)] != (i + 3) * ranks * (ranks + 1) / 2;
                CHECK(wrong == 0);
                for (const AllreducePlan& plan : plans)
                    for (std::int64_t i = 0; i < plan.size(); ++i) {
                        const Transfer step = plan[i];
                        if (step.sent.count > segment || step.received.count > segment)
                            FAIL_CHECK("a message is too long");
                        if ((step.to >= 0) != (step.sent.count > 0)) FAIL_CHECK("an empty message is sent");
                    }
            }
}

}  // namespace

TEST_CASE("parts cover a range, their sizes differ by one at most", "[allreduce]") {
    for (const std::int64_t count : {0, 1, 5, 6, 7, 100})
        for (const std::int64_t parts : {1, 2, 3, 7}) {
            std::int64_t at = 10;
            for (std::int64_t i = 0; i < parts; ++i) {
                const ElementRange part = part_of({10, count}, i, parts);
                CHECK(part.begin == at);
                CHECK((part.count == count / parts || part.count == count / parts + 1));
                at = part.end();
            }
            CHECK(at == 10 + count);
        }
}

TEST_CASE("every rank ends with every sum: ring", "[allreduce]") { check_planner(plan_ring); }
TEST_CASE("every rank ends with every sum: halving and doubling", "[allreduce]") {
    check_planner(plan_halving_doubling);
}

TEST_CASE("a ring sends 2 (P - 1) / P of the elements from each rank", "[allreduce]") {
    for (const int ranks : {2, 3, 4, 8, 9, 16})
        for (int r = 0; r < ranks; ++r) {
            const std::int64_t count = 5 * ranks;
            CHECK(elements_sent(plan_ring(r, ranks, count, 3)) == 2 * (ranks - 1) * 5);
            CHECK(plan_ring(r, ranks, count, 1000).size() == 2 * (ranks - 1));
        }
}

TEST_CASE("halving sends as much in 2 log2 P messages; ranks beyond a power of two give all and get all",
          "[allreduce]") {
    for (const int ranks : {2, 4, 8, 16})
        for (int r = 0; r < ranks; ++r) {
            const AllreducePlan plan = plan_halving_doubling(r, ranks, 6 * ranks, 1000);
            CHECK(elements_sent(plan) == 2 * (ranks - 1) * 6);
            CHECK(plan.size() == 2 * std::countr_zero(static_cast<unsigned>(ranks)));
        }
    // Six ranks: 0 and 2 sit out, 1 and 3 take their part and give them the result.
    const std::int64_t count = 64, inner = 2 * 3 * count / 4;
    for (const int r : {0, 2}) CHECK(elements_sent(plan_halving_doubling(r, 6, count, 1000)) == count);
    for (const int r : {1, 3}) CHECK(elements_sent(plan_halving_doubling(r, 6, count, 1000)) == inner + count);
    for (const int r : {4, 5}) CHECK(elements_sent(plan_halving_doubling(r, 6, count, 1000)) == inner);
}
