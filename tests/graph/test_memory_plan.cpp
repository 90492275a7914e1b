// The plan of activations: nothing alive at once overlaps, and little more memory is taken than is alive at the worst
// moment.
#include "graph/memory_plan.h"

#include <algorithm>

#include "graph/build/trace.h"
#include "kernels/random.h"
#include "models/registry.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

bool at_once(const MemoryUse& a, const MemoryUse& b) { return a.first <= b.last && b.first <= a.last; }

/// Pairs of blocks that are alive at once and share memory, and blocks outside the plan or off the alignment.
int faults(const std::vector<MemoryUse>& uses, const MemoryPlan& plan, std::int64_t alignment) {
    int count = 0;
    for (std::size_t i = 0; i < uses.size(); ++i) {
        const std::int64_t begin = plan.offsets[i], end = begin + uses[i].size;
        count += begin < 0 || end > plan.size || begin % alignment != 0;
        for (std::size_t j = 0; j < i; ++j)
            count += at_once(uses[i], uses[j]) && begin < plan.offsets[j] + uses[j].size && plan.offsets[j] < end;
    }
    return count;
}

}  // namespace

TEST_CASE("Blocks share memory only at different times", "[memory_plan]") {
    SECTION("none") {
        const MemoryPlan plan = plan_memory({}, 16);
        CHECK(plan.size == 0);
        CHECK(plan.offsets.empty());
    }
    SECTION("a chain alternates between two places") {
        const std::vector<MemoryUse> chain{{0, 1, 32}, {1, 2, 32}, {2, 3, 32}, {3, 4, 32}};
        const MemoryPlan plan = plan_memory(chain, 16);
        CHECK(plan.size == 64);
        CHECK(faults(chain, plan, 16) == 0);
    }
    SECTION("a block goes into the smallest gap that holds it") {
        // The first three lie one behind the other; at step 1 the middle one is gone.
        const std::vector<MemoryUse> uses{{0, 1, 96}, {0, 0, 64}, {0, 1, 48}, {1, 1, 32}};
        const MemoryPlan plan = plan_memory(uses, 16);
        CHECK(plan.size == 96 + 64 + 48);
        CHECK(plan.offsets[3] == 96);
    }
    SECTION("random lives") {
        Random random(1, Draw::bench);
        for (int round = 0; round < 200; ++round) {
            const std::int64_t alignment = std::int64_t{1} << random.below(6);
            std::vector<MemoryUse> uses;
            for (std::uint32_t i = random.below(40); i > 0; --i) {
                const int first = static_cast<int>(random.below(20));
                uses.push_back({first, first + static_cast<int>(random.below(6)), random.below(1000)});
            }
            const MemoryPlan plan = plan_memory(uses, alignment);
            REQUIRE(faults(uses, plan, alignment) == 0);
            REQUIRE(plan.size % alignment == 0);
            REQUIRE(plan.size >= peak_of(uses));
        }
    }
}

TEST_CASE("The peak is the largest sum alive at once", "[memory_plan]") {
    CHECK(peak_of({}) == 0);
    const std::vector<MemoryUse> uses{{0, 2, 5}, {1, 1, 7}, {2, 3, 9}, {4, 4, 13}};
    CHECK(peak_of(uses) == 14);
}

TEST_CASE("The models' plans are within a twentieth of the peak", "[memory_plan]") {
    for (const char* name : {"densenet121", "densenet161", "resnet18", "resnet50"}) {
        const graph::Graph graph = graph::trace(*find_model(name).make({.classes = 10}), 224, 224, 3);
        const std::vector<MemoryUse> uses = memory_uses(graph);
        const MemoryPlan plan = plan_memory(uses, 64);
        INFO(name << ": " << plan.size << " bytes, " << peak_of(uses) << " at once");
        CHECK(faults(uses, plan, 64) == 0);
        CHECK(static_cast<double>(plan.size) <= 1.05 * static_cast<double>(peak_of(uses)));
    }
}
