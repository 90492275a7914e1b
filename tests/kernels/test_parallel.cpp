#include "kernels/parallel.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "kernels/error.h"

using namespace keel;

TEST_CASE("parallel_for covers every item once, in ranges that begin at multiples of the grain, not too short",
          "[parallel]") {
    for (const int threads : {1, 2, 3, 5})
        for (const std::int64_t count : {0, 1, 2, 7, 64, 1001})
            for (const std::int64_t grain : {0, 1, 3, 64, 2000}) {
                CAPTURE(threads, count, grain);
                const ThreadScope scope(threads);
                std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
                std::atomic<int> ranges = 0, misaligned = 0;
                parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
                    ++ranges;
                    if (begin % std::max<std::int64_t>(grain, 1) != 0 || begin >= end) ++misaligned;
                    for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
                });
                CHECK(std::all_of(visits.begin(), visits.end(), [](int n) { return n == 1; }));
                CHECK(misaligned == 0);
                CHECK((ranges <= threads || ranges * 16 * std::max<std::int64_t>(grain, 1) <= count));
                if (count > 0 && count <= grain) CHECK(ranges == 1);
            }
}

TEST_CASE("an exception of the body reaches the caller, and the pool works on", "[parallel]") {
    for (const int threads : {1, 3}) {
        const ThreadScope scope(threads);
        CHECK_THROWS_AS(parallel_for(100, 1,
                                     [](std::int64_t, std::int64_t end) {
                                         if (end == 100) throw InputError("[test] the last range");
                                     }),
                        InputError);
        std::atomic<std::int64_t> sum = 0;
        parallel_for(100, 1, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
        CHECK(sum == 100);
    }
}

TEST_CASE("a region inside a region runs on its caller alone", "[parallel]") {
    const ThreadScope scope(3);
    std::atomic<int> inner = 0;
    parallel_for(3, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) parallel_for(50, 1, [&](std::int64_t, std::int64_t) { ++inner; });
    });
    CHECK(inner == 3);
}

TEST_CASE("team sizes that make no sense are refused", "[parallel]") {
    const int before = thread_count();
    CHECK(before >= 1);
    CHECK_THROWS_AS(set_thread_count(0), UsageError);
    CHECK_THROWS_AS(set_thread_count(-2), UsageError);
    CHECK_THROWS_AS(set_thread_count(kMostThreads + 1), UsageError);
    CHECK_THROWS_AS(set_thread_count(1'000'000), UsageError);
    CHECK(thread_count() == before);
    CHECK(allowed_cores() >= 1);
}

TEST_CASE("chunk_count rounds up", "[parallel]") {
    CHECK(chunk_count(0, 4) == 0);
    CHECK(chunk_count(1, 4) == 1);
    CHECK(chunk_count(4, 4) == 1);
    CHECK(chunk_count(5, 4) == 2);
}
