#include "distributed/gather.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <mutex>

#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("every rank gets what every rank gave", "[collectives]") {
    for (const int ranks : {1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 32}) {
        std::atomic<int> wrong{0};
        run_ranks({ranks, 1, {}}, [&](Communicator& communicator) {
            const int rank = communicator.rank();
            const auto numbers = gather(communicator, 100 + rank);
            const auto texts = gather_texts(
                communicator, std::string(static_cast<std::size_t>(rank % 5), static_cast<char>('a' + rank % 26)));
            for (int r = 0; r < ranks; ++r) {
                wrong += numbers[static_cast<std::size_t>(r)] != 100 + r;
                wrong += texts[static_cast<std::size_t>(r)] !=
                         std::string(static_cast<std::size_t>(r % 5), static_cast<char>('a' + r % 26));
            }
            wrong += broadcast(communicator, rank == 0 ? "from the first" : "not this") != "from the first";
            wrong += !broadcast(communicator, "").empty() && rank == 0;
        });
        CHECK(wrong == 0);
    }
}

TEST_CASE("nobody passes a barrier before all have come", "[collectives]") {
    for (const bool shared : {false, true}) {
        std::atomic<int> inside{0}, early{0};
        run_ranks({5, 5, {}}, [&](Communicator& communicator) {
            const auto memory = communicator.share(0);
            for (int round = 1; round <= 50; ++round) {
                if (communicator.rank() == round % 5) std::this_thread::sleep_for(std::chrono::microseconds(300));
                ++inside;
                shared ? memory->barrier() : barrier(communicator);
                early += inside < 5 * round;
                shared ? memory->barrier() : barrier(communicator);
            }
        });
        CHECK(early == 0);
    }
}

TEST_CASE("the ranks of a node see one another's memory", "[collectives]") {
    std::mutex checks;  // Catch2 hears of one thread at a time
    run_ranks({6, 3, {}}, [&](Communicator& communicator) {
        const auto memory = communicator.share(3 * sizeof(int));
        for (int i = 0; i < 3; ++i) memory->part<int>(memory->rank())[i] = 10 * communicator.rank() + i;
        memory->barrier();
        std::unique_lock lock(checks);
        CHECK(communicator.topology().members(1) == std::vector<int>{3, 4, 5});
        CHECK(memory->size() == 3);
        CHECK(memory->rank() == communicator.rank() % 3);
        for (int r = 0; r < 3; ++r) CHECK(memory->part<int>(r)[2] == 10 * (communicator.rank() / 3 * 3 + r) + 2);
        lock.unlock();
        memory->barrier();
    });
}

TEST_CASE("a rank that fails takes those that wait for it along", "[collectives]") {
    CHECK_THROWS_AS(run_ranks({3, 1, {}},
                              [](Communicator& communicator) {
                                  if (communicator.rank() == 1) throw InputError("[test] no more data");
                                  barrier(communicator);
                              }),
                    InputError);
}

TEST_CASE("one rank alone", "[collectives]") {
    const auto alone = self_communicator();
    CHECK(alone->size() == 1);
    CHECK(gather(*alone, 7) == std::vector{7});
    CHECK(gather_texts(*alone, "text") == std::vector<std::string>{"text"});
    CHECK(broadcast(*alone, "text") == "text");
    barrier(*alone);
    const auto memory = alone->share(16);
    memory->barrier();
    CHECK(memory->size() == 1);
    CHECK_THROWS_AS(alone->send(1, 0, nullptr, 0), UsageError);
}
