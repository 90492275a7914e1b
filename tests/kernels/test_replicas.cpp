#include "kernels/replicas.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/topology.h"
#include "tests/support/catch.h"
#include "tests/support/two_nodes.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

std::vector<std::byte> pattern(std::size_t bytes, std::size_t seed) {
    std::vector<std::byte> all(bytes);
    for (std::size_t i = 0; i < bytes; ++i) all[i] = static_cast<std::byte>(i * 7 + i / 256 + seed);
    return all;
}

/// A constant, copied.
class Copied {
public:
    explicit Copied(std::vector<std::byte> values)
        : values_(std::move(values)), first_(make_copies(values_.data(), values_.size())) {}
    Copied(Copied&& other) noexcept : values_(std::move(other.values_)), first_(std::exchange(other.first_, nullptr)) {}
    ~Copied() {
        if (first_ != nullptr) drop_copies(first_, values_.size());
    }

    std::byte* first() const { return first_; }
    /// The copy of a node; null where it has none.
    const std::byte* on(int node) const {
        const auto own = copies_on(node);
        return own.empty() ? nullptr : own.data() + (first_ - copies_on(nodes().front()).data());
    }
    bool is_whole(const std::byte* at) const {
        return at != nullptr && std::memcmp(at, values_.data(), values_.size()) == 0;
    }
    /// Of the first lane, and all others that are there.
    static std::vector<int> nodes() {
        std::vector<int> all{0};
        for (int node = 1; node < 8; ++node)
            if (!copies_on(node).empty()) all.push_back(node);
        return all;
    }

private:
    std::vector<std::byte> values_;
    std::byte* first_;
};

}  // namespace

TEST_CASE("A team on one node has no copies, and addresses are what they are", "[replicas]") {
    const ThreadScope team(2);
    const CpuScope cpus(nodes_of_cores(2, 28));
    CHECK(Copied(pattern(1000, 1)).first() == nullptr);
    const std::vector<std::byte> here(10);
    CHECK(near_copy(here.data()) == here.data());
    CHECK(near_copy<float>(nullptr) == nullptr);
    const int on_stack = 0;
    CHECK(near_copy(&on_stack) == &on_stack);
}

TEST_CASE("Each node of the team has a copy, whichever machine it is", "[replicas]") {
    const auto nodes = GENERATE(2, 4);
    const CpuScope cpus(nodes_of_cores(nodes, 56 / nodes));
    const ThreadScope team(56);
    std::vector<Copied> constants;
    for (const std::size_t bytes : {1UL, 64UL, 65UL, 4096UL, 100'003UL, 20'000'000UL}) {
        constants.emplace_back(pattern(bytes, static_cast<std::size_t>(nodes)));
        REQUIRE(constants.back().first() != nullptr);
        CHECK(reinterpret_cast<std::uintptr_t>(constants.back().first()) % 64 == 0);
    }
    for (const Copied& constant : constants)
        for (int node = 0; node < nodes; ++node) CHECK(constant.is_whole(constant.on(node)));
}

TEST_CASE("Room that is given back is used again, whatever lies beside it", "[replicas]") {
    const CpuScope cpus(nodes_of_cores(2, 1));
    const ThreadScope team(2);
    std::vector<std::optional<Copied>> constants;
    for (std::size_t i = 0; i < 40; ++i) constants.emplace_back(pattern(1 + i * 997, i));
    const std::size_t extent = copies_on(1).size();
    for (std::size_t round = 0; round < 3; ++round) {
        for (std::size_t i = round; i < constants.size(); i += 3) constants[i].reset();
        for (std::size_t i = round; i < constants.size(); i += 3) constants[i].emplace(pattern(1 + i * 997, i + round));
        for (const auto& constant : constants)
            for (const int node : {0, 1}) REQUIRE(constant->is_whole(constant->on(node)));
    }
    CHECK(copies_on(1).size() == extent);
    constants.clear();
    CHECK(copies_on(1).empty());
    CHECK(Copied({}).first() == nullptr);
}

TEST_CASE("A node that the team comes to later gets what the others have", "[replicas]") {
    std::optional<Copied> early;
    {
        const CpuScope cpus(nodes_of_cores(2, 1));
        const ThreadScope team(2);
        early.emplace(pattern(5000, 3));
    }
    const CpuScope cpus(nodes_of_cores(6, 1));
    const ThreadScope team(6);
    const Copied late(pattern(300, 4));
    for (int node = 0; node < 6; ++node) {
        CHECK(early->is_whole(early->on(node)));
        CHECK(late.is_whole(late.on(node)));
    }
}

TEST_CASE("A thread reads the copy of the node that it is on", "[replicas]") {
    if (!TwoNodes::possible()) return;
    const TwoNodes two;
    const Copied constant(pattern(1 << 16, 5));
    for (const int node : {0, 1})
        two.alone_on(node, [&] {
            CHECK(near_copy(constant.first()) == constant.on(node));
            CHECK(near_copy(constant.first() + 77) == constant.on(node) + 77);
        });
    // The team's own: a part is near the processor that runs it, and sooner or later the second thread has some.
    bool second = false, right = true;
    for (int i = 0; i < 100'000 && !second; ++i) {
        std::vector<const std::byte*> read(8);
        parallel_parts(8, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t part = begin; part < end; ++part)
                read[static_cast<std::size_t>(part)] = near_copy(constant.first());
        });
        for (const std::byte* at : read) {
            right = right && (at == constant.on(0) || at == constant.on(1));
            second = second || at == constant.on(1);
        }
    }
    CHECK(right);
    CHECK(second);
}

TEST_CASE("Copies follow the first one when they are renewed", "[replicas]") {
    const CpuScope cpus(nodes_of_cores(3, 1));
    const ThreadScope team(3);
    const Copied constant(pattern(5000, 6)), beside(pattern(100, 7));
    const std::vector<std::byte> other = pattern(5000, 8);
    std::ranges::copy(other, constant.first());
    renew_copies(constant.first(), 5000);
    for (int node = 0; node < 3; ++node) {
        CHECK(std::equal(other.begin(), other.end(), constant.on(node)));
        CHECK(beside.is_whole(beside.on(node)));
    }
    std::vector<std::byte> elsewhere(10);
    renew_copies(elsewhere.data(), elsewhere.size());  // no constant: nothing happens
}

TEST_CASE("Threads copy and give back at once, and a child of fork() goes on", "[replicas][fork]") {
    const CpuScope cpus(nodes_of_cores(2, 1));
    const ThreadScope team(2);
    const Copied kept(pattern(3000, 9));
    std::atomic<bool> right = true;
    const auto work = [&](std::size_t seed) {
        for (std::size_t i = 0; i < 50; ++i) {
            const Copied own(pattern(1 + (seed * 131 + i * 17) % 9000, seed + i));
            if (!own.is_whole(own.on(0)) || !own.is_whole(own.on(1))) right = false;
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
    for (int i = 0; i < 5; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            work(100);
            std::_Exit(right && kept.is_whole(kept.on(1)) ? 0 : 1);
        }
        int status = 1;
        CHECK((::waitpid(child, &status, 0) == child && status == 0));
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(right);
    CHECK(kept.is_whole(kept.on(1)));
}
