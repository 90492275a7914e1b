// Allreduces of ranks that are threads: integers in floats, so that every order of summation gives the same bits.
#include "distributed/collectives/allreduce.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <mutex>

#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

constexpr std::int64_t kSegment = 64;  // floats

std::vector<std::int64_t> sizes_for(int ranks) {
    return {0, 1, ranks - 1, ranks, ranks + 1, 97, 1009, kSegment - 1, kSegment, kSegment + 1, ranks * kSegment + 1};
}

float value_of(int rank, std::int64_t i) { return static_cast<float>((rank + 1) * (i % 1000 + 3)); }
float sum_of(int ranks, std::int64_t i) { return static_cast<float>((i % 1000 + 3) * ranks * (ranks + 1) / 2); }

template <class T>
void fill(int rank, std::span<T> data) {
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = value_of(rank, static_cast<std::int64_t>(i));
}

template <class T>
std::int64_t wrong_sums(int ranks, std::span<const T> data) {
    std::int64_t wrong = 0;
    for (std::size_t i = 0; i < data.size(); ++i) wrong += data[i] != T{sum_of(ranks, static_cast<std::int64_t>(i))};
    return wrong;
}

/// Loses a little time at one step in eight, each rank at others.
std::function<void(int)> random_delays() {
    return [](int rank) {
        thread_local std::uint32_t step = 0;
        Random random(static_cast<std::uint64_t>(rank), Draw::synthesize, step++);
        if (random.below(8) == 0) std::this_thread::sleep_for(std::chrono::microseconds(random.below(50)));
    };
}

template <class T>
void check_sums(Algorithm algorithm, int ranks, const std::function<void(int)>& delays) {
    std::atomic<std::int64_t> wrong{0}, bytes{0};
    std::int64_t total = 0;
    for (const std::int64_t size : sizes_for(ranks)) total += size;
    run_ranks({ranks, 1, delays}, [&](Communicator& communicator) {
        Allreduce allreduce(communicator, kSegment * static_cast<std::int64_t>(sizeof(T)));
        for (const std::int64_t size : sizes_for(ranks)) {
            std::vector<T> data(static_cast<std::size_t>(size));
            fill<T>(communicator.rank(), data);
            allreduce.sum(algorithm, data);
            wrong += wrong_sums<T>(ranks, data);
        }
        bytes += allreduce.traffic().bytes;
    });
    CHECK(wrong == 0);
    // All ranks of a ring together send 2 (P - 1) times the data; so do those of halving, where P is a power of two.
    if (algorithm == Algorithm::ring || (ranks & (ranks - 1)) == 0)
        CHECK(bytes == 2 * (ranks - 1) * total * static_cast<std::int64_t>(sizeof(T)));
}

}  // namespace

TEST_CASE("sums are exact for any number of ranks and any size", "[allreduce]") {
    for (const int ranks : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 32})
        for (const Algorithm algorithm : {Algorithm::ring, Algorithm::halving_doubling}) {
            CAPTURE(ranks, std::string(name(algorithm)));
            check_sums<float>(algorithm, ranks, {});
            check_sums<double>(algorithm, ranks, {});
        }
}

TEST_CASE("ranks that lag at random change nothing", "[allreduce]") {
    for (const int ranks : {2, 3, 5, 8})
        for (const Algorithm algorithm : {Algorithm::ring, Algorithm::halving_doubling}) {
            CAPTURE(ranks, std::string(name(algorithm)));
            check_sums<float>(algorithm, ranks, random_delays());
        }
}

TEST_CASE("shared memory in nodes, rings between them", "[allreduce]") {
    struct Shape {
        int nodes, per_node;
    };
    for (const bool delayed : {false, true})
        for (const auto& [nodes, per_node] :
             {Shape{1, 1}, Shape{1, 2}, Shape{1, 3}, Shape{1, 7}, Shape{2, 1}, Shape{2, 2}, Shape{3, 4}, Shape{4, 3}}) {
            const int ranks = nodes * per_node;
            CAPTURE(nodes, per_node);
            std::atomic<std::int64_t> wrong{0}, bytes{0};
            std::int64_t total = 0;
            for (const std::int64_t size : sizes_for(ranks)) total += size;
            run_ranks({ranks, per_node, delayed ? random_delays() : nullptr}, [&](Communicator& communicator) {
                Allreduce allreduce(communicator, kSegment * 4);
                std::int64_t most = 0;
                for (const std::int64_t size : sizes_for(ranks)) most = std::max(most, size);
                const std::int64_t gap = 5;
                const auto memory = communicator.share(static_cast<std::size_t>(most + 2 * gap) * sizeof(float));
                float* own = memory->part<float>(memory->rank());
                for (const std::int64_t size : sizes_for(ranks)) {
                    const std::span data(own + gap, static_cast<std::size_t>(size));
                    own[gap - 1] = own[gap + size] = -1;
                    fill<float>(communicator.rank(), data);
                    allreduce.sum_shared(*memory, {gap, size});
                    wrong += wrong_sums<float>(ranks, data) + (own[gap - 1] != -1) + (own[gap + size] != -1);
                    memory->barrier();  // nobody fills again before all have looked
                }
                bytes += allreduce.traffic().bytes;
            });
            CHECK(wrong == 0);
            CHECK(bytes == 2 * (nodes - 1) * total * 4);  // the wire sees each node's sum once
        }
}

TEST_CASE("nodes with different numbers of ranks have no hierarchy", "[allreduce]") {
    std::mutex checks;  // Catch2 hears of one thread at a time
    run_ranks({3, 2, {}}, [&](Communicator& communicator) {
        Allreduce allreduce(communicator);
        const auto memory = communicator.share(64);
        const std::lock_guard lock(checks);
        CHECK(communicator.topology().per_node() == 0);
        CHECK_THROWS_AS(allreduce.sum_shared(*memory, {0, 4}), UsageError);
        std::vector<float> data(4);
        CHECK_THROWS_AS(allreduce.sum(Algorithm::hierarchical, data), UsageError);
    });
}

TEST_CASE("bfloat16 on the wire: the same bits on all ranks, half the bytes, rounded as often as it is sent",
          "[allreduce]") {
    for (const int ranks : {2, 3, 4, 7, 8})
        for (const Algorithm algorithm : {Algorithm::ring, Algorithm::halving_doubling}) {
            CAPTURE(ranks, std::string(name(algorithm)));
            constexpr std::size_t kCount = 1009;
            std::vector<std::vector<float>> results(static_cast<std::size_t>(ranks));
            std::atomic<std::int64_t> bytes{0};
            std::vector<double> truth(kCount), sizes(kCount);
            const auto input = [](int rank, std::size_t i) {
                return Random(static_cast<std::uint64_t>(rank), Draw::synthesize, static_cast<std::uint32_t>(i))
                    .uniform(-1, 1);
            };
            for (int r = 0; r < ranks; ++r)
                for (std::size_t i = 0; i < kCount; ++i) {
                    truth[i] += input(r, i);
                    sizes[i] += std::abs(input(r, i));
                }
            run_ranks({ranks, 1, {}}, [&](Communicator& communicator) {
                Allreduce allreduce(communicator, kSegment * 4, Wire::bf16);
                std::vector<float> data(kCount);
                for (std::size_t i = 0; i < kCount; ++i) data[i] = input(communicator.rank(), i);
                allreduce.sum(algorithm, std::span(data));
                results[static_cast<std::size_t>(communicator.rank())] = data;
                bytes += allreduce.traffic().bytes;
            });
            for (const auto& result : results) CHECK(result == results[0]);
            if (algorithm == Algorithm::ring) CHECK(bytes == 2 * (ranks - 1) * static_cast<std::int64_t>(kCount) * 2);
            // A term is rounded to 8 bits (2^-8 of it at most) at each of at most P hops, and in float far less.
            std::size_t far = 0;
            for (std::size_t i = 0; i < kCount; ++i)
                far += std::abs(results[0][i] - truth[i]) > ranks * 0x1.08p-8 * sizes[i];
            CHECK(far == 0);
        }
}

TEST_CASE("halving sums by a binary tree over the ranks", "[allreduce]") {
    // ((a + b) + (c + d)), which no other order gives.
    const std::vector<float> terms{0x1p24F, 1, 1, -0x1p24F};
    const float tree = (terms[0] + terms[1]) + (terms[2] + terms[3]);
    CHECK(tree != ((terms[0] + terms[1]) + terms[2]) + terms[3]);
    std::mutex checks;
    run_ranks({4, 1, {}}, [&](Communicator& communicator) {
        std::vector<float> data(37, terms[static_cast<std::size_t>(communicator.rank())]);
        Allreduce(communicator).sum(Algorithm::halving_doubling, std::span(data));
        const std::lock_guard lock(checks);
        CHECK(data == std::vector<float>(37, tree));
    });
}
