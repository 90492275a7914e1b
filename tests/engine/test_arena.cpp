#include "engine/arena.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <thread>
#include <vector>

#include "kernels/node_memory.h"
#include "kernels/random.h"
#include "tests/support/catch.h"
#include "tests/support/two_nodes.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

/// A private arena that gives its memory back at the end.
struct Scratch {
    ~Scratch() { arena.trim(); }
    Arena arena;
};

bool aligned(const std::byte* block) { return reinterpret_cast<std::uintptr_t>(block) % Arena::kAlignment == 0; }

}  // namespace

TEST_CASE("blocks are aligned, apart, and writable to the last byte", "[arena]") {
    Scratch scratch;
    Arena& arena = scratch.arena;
    std::vector<std::pair<std::byte*, std::size_t>> blocks;
    for (const std::size_t bytes : {0UL, 1UL, 63UL, 64UL, 65UL, 127UL, 128UL, 4096UL, 100003UL}) {
        std::byte* block = arena.allocate(bytes);
        INFO(bytes << " bytes");
        REQUIRE(block != nullptr);
        CHECK(aligned(block));
        std::memset(block, static_cast<int>(blocks.size()), bytes);
        blocks.emplace_back(block, bytes);
    }
    for (std::size_t i = 0; i < blocks.size(); ++i)
        for (std::size_t j = 0; j < blocks[i].second; ++j) REQUIRE(blocks[i].first[j] == static_cast<std::byte>(i));
    for (const auto& [block, bytes] : blocks) arena.release(block, bytes);
    CHECK(arena.statistics().in_use == 0);
}

TEST_CASE("the same sizes in the same order reserve nothing new", "[arena]") {
    Scratch scratch;
    Arena& arena = scratch.arena;
    const auto step = [&] {
        std::vector<std::byte*> blocks;
        const std::size_t sizes[] = {30 * kMiB, 5 * kMiB, 1000, 40 * kMiB, 7, 25 * kMiB};
        for (const std::size_t size : sizes) blocks.push_back(arena.allocate(size));
        for (std::size_t i = blocks.size(); i-- > 0;) arena.release(blocks[i], sizes[i]);
    };
    step();
    const std::size_t reserved = arena.statistics().reserved;
    CHECK(reserved >= 100 * kMiB);
    for (int repeat = 0; repeat < 3; ++repeat) {
        step();
        CHECK(arena.statistics().reserved == reserved);
    }
}

TEST_CASE("freed neighbours join, whatever the order", "[arena]") {
    std::vector<std::vector<std::size_t>> orders = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (const auto& order : orders) {
        Scratch scratch;
        Arena& arena = scratch.arena;
        std::byte* blocks[3];
        for (auto& block : blocks) block = arena.allocate(20 * kMiB);
        const std::size_t reserved = arena.statistics().reserved;
        for (const std::size_t i : order) arena.release(blocks[i], 20 * kMiB);
        std::byte* whole = arena.allocate(60 * kMiB);
        INFO("released " << order[0] << ", " << order[1] << ", " << order[2]);
        CHECK(arena.statistics().reserved == reserved);
        arena.release(whole, 60 * kMiB);
    }
}

TEST_CASE("the smallest hole that is large enough is filled", "[arena]") {
    Scratch scratch;
    Arena& arena = scratch.arena;
    std::byte* large = arena.allocate(4096);
    std::byte* wall = arena.allocate(64);
    std::byte* small = arena.allocate(1024);
    std::byte* other_wall = arena.allocate(64);
    arena.release(large, 4096);
    arena.release(small, 1024);
    CHECK(arena.allocate(1000) == small);
    CHECK(arena.allocate(2000) == large);
    arena.release(small, 1000);
    arena.release(large, 2000);
    arena.release(wall, 64);
    arena.release(other_wall, 64);
    CHECK(arena.statistics().in_use == 0);
}

TEST_CASE("statistics count what is in use, its peak and what is mapped", "[arena]") {
    Scratch scratch;
    Arena& arena = scratch.arena;
    CHECK(arena.statistics().in_use == 0);
    CHECK(arena.statistics().reserved == 0);
    std::byte* a = arena.allocate(kMiB);
    const std::size_t one = arena.statistics().in_use;
    CHECK(one >= kMiB);
    CHECK(one <= kMiB + 2 * Arena::kAlignment);
    std::byte* b = arena.allocate(kMiB);
    CHECK(arena.statistics().in_use == 2 * one);
    arena.release(a, kMiB);
    CHECK(arena.statistics().in_use == one);
    CHECK(arena.statistics().peak == 2 * one);
    arena.reset_peak();
    CHECK(arena.statistics().peak == one);
    arena.release(b, kMiB);
    CHECK(arena.statistics().in_use == 0);
    CHECK(arena.statistics().peak == one);
    CHECK(arena.statistics().reserved >= 2 * one);
}

TEST_CASE("trim gives back what lies behind the last block", "[arena]") {
    Scratch scratch;
    Arena& arena = scratch.arena;
    std::byte* kept = arena.allocate(100);
    const std::size_t reserved = arena.statistics().reserved;
    std::byte* large = arena.allocate(200 * kMiB);
    CHECK(arena.statistics().reserved >= 200 * kMiB);
    arena.release(large, 200 * kMiB);
    arena.trim();
    CHECK(arena.statistics().reserved <= reserved);
    CHECK(arena.statistics().reserved > 0);
    std::memset(kept, 1, 100);
    arena.release(kept, 100);
    arena.trim();
    CHECK(arena.statistics().reserved == 0);
    std::byte* again = arena.allocate(100);
    std::memset(again, 1, 100);
    arena.release(again, 100);
}

TEST_CASE("absurd sizes are refused and leave the arena as it was", "[arena]") {
    Scratch scratch;
    Arena& arena = scratch.arena;
    for (const std::size_t bytes :
         {std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max() - 63,
          std::numeric_limits<std::size_t>::max() / 2, (std::size_t{1} << 46) + 1})
        CHECK_THROWS_AS(arena.allocate(bytes), std::bad_alloc);
    CHECK(arena.statistics().in_use == 0);
    CHECK(arena.statistics().reserved == 0);
}

TEST_CASE("threads share an arena", "[arena]") {
    Scratch scratch;
    Arena& arena = scratch.arena;
    bool intact[4] = {true, true, true, true};
    const auto work = [&](std::size_t me) {
        Random random(me, Draw::bench);
        std::vector<std::pair<std::byte*, std::size_t>> mine;
        const auto release_one = [&] {
            const auto [block, bytes] = mine.back();
            mine.pop_back();
            for (std::size_t i = 0; i < bytes; ++i) intact[me] = intact[me] && block[i] == static_cast<std::byte>(me);
            arena.release(block, bytes);
        };
        for (int i = 0; i < 2000; ++i) {
            if (mine.size() > 20 || (!mine.empty() && random.chance(0.4F))) {
                std::swap(mine[random.below(static_cast<std::uint32_t>(mine.size()))], mine.back());
                release_one();
            } else {
                const std::size_t bytes = random.below(5000);
                mine.emplace_back(arena.allocate(bytes), bytes);
                std::memset(mine.back().first, static_cast<int>(me), bytes);
            }
        }
        while (!mine.empty()) release_one();
    };
    std::vector<std::thread> threads;
    for (std::size_t me = 0; me < 4; ++me) threads.emplace_back(work, me);
    for (std::thread& thread : threads) thread.join();
    for (const bool ok : intact) CHECK(ok);
    CHECK(arena.statistics().in_use == 0);
}

TEST_CASE("what is handed out and given back can be recorded", "[arena]") {
    Scratch scratch;
    std::vector<ArenaEvent> log;
    std::byte* const before = scratch.arena.allocate(10);
    scratch.arena.record(&log);
    std::byte* const block = scratch.arena.allocate(100);
    scratch.arena.release(before, 10);
    scratch.arena.release(block, 100);
    scratch.arena.record(nullptr);
    scratch.arena.release(scratch.arena.allocate(5), 5);
    REQUIRE(log.size() == 3);
    CHECK((log[0].taken && log[0].block == block && log[0].bytes == 100));
    CHECK((!log[1].taken && log[1].block == before && log[1].bytes == 10));
    CHECK((!log[2].taken && log[2].block == block));
}

TEST_CASE("pages lie on the team's nodes in turn, where these are several and the system lets them", "[arena]") {
    const auto policy_of = [](const void* address) {
        int policy = -1;
        ::syscall(SYS_get_mempolicy, &policy, nullptr, 0, address, 2 /* of an address */);
        return policy;
    };
    Arena one;
    CHECK(policy_of(one.allocate(kMiB)) <= 0);  // the default, or not told
    if (!TwoNodes::possible()) return;
    const TwoNodes two;
    CHECK(policy_of(one.allocate(1)) <= 0);  // of what was there before
    void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page != MAP_FAILED);
    const bool can = interleave_pages(page, 4096, {0, 1}) && policy_of(page) == 3;
    ::munmap(page, 4096);
    Arena spread;
    std::byte* block = spread.allocate(kMiB);
    std::memset(block, 1, kMiB);
    CHECK((policy_of(block) == 3) == can);
    spread.release(block, kMiB);
    spread.trim();
    CHECK((policy_of(spread.allocate(40 * kMiB)) == 3) == can);
}

TEST_CASE("an arena that ends gives its addresses back", "[arena]") {
    // Each takes 2^40 addresses, of which a process has 2^47: the loop would run out of them.
    for (int i = 0; i < 1000; ++i) {
        Arena arena;
        REQUIRE(arena.allocate(1) != nullptr);
    }
}
