#include "kernels/fork.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/immortal.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

constinit ForkMutex first, second;
int guarded_a = 0, guarded_b = 0;  // equal, but while both mutexes are held

std::atomic<int> children{0};
void count_child() { ++children; }

int status_of(pid_t child) {
    int status = 1;
    return ::waitpid(child, &status, 0) == child ? status : -1;
}

}  // namespace

TEST_CASE("A child finds mutexes free, and what they guard whole", "[fork]") {
    std::atomic<bool> stop = false;
    std::vector<std::thread> others;
    for (const bool turned : {false, true})
        others.emplace_back([&, turned] {
            while (!stop) {
                // In an order of its own each; forking must not wait for ever for either.
                ForkMutex& one = turned ? second : first;
                const std::lock_guard lock(one);
                if (!turned) {
                    const std::lock_guard both(second);
                    ++guarded_a;
                    std::this_thread::yield();
                    ++guarded_b;
                }
            }
        });
    for (int i = 0; i < 20; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            const std::lock_guard one(first), two(second);
            const std::lock_guard again(first);  // its holder may
            std::_Exit(guarded_a == guarded_b ? 0 : 1);
        }
        CHECK(status_of(child) == 0);
    }
    stop = true;
    for (std::thread& other : others) other.join();
}

TEST_CASE("A mutex that is retired is asked for no longer", "[fork]") {
    {
        ForkMutex mutex;
        mutex.lock();
        mutex.unlock();
        mutex.retire();
    }
    const pid_t child = ::fork();
    if (child == 0) std::_Exit(0);
    CHECK(status_of(child) == 0);
}

TEST_CASE("What is to be done in a child is done there, once", "[fork]") {
    after_fork(count_child);
    after_fork(count_child);
    const int generation = fork_generation();
    const pid_t child = ::fork();
    if (child == 0) std::_Exit(children == 1 && fork_generation() == generation + 1 ? 0 : 1);
    CHECK(status_of(child) == 0);
    CHECK(children == 0);
    CHECK(fork_generation() == generation);
}

TEST_CASE("What is immortal is made once, by whoever comes first", "[fork]") {
    static constinit Immortal<const std::vector<int>> list;
    static std::atomic<int> made{0};
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            const auto& seen = list.get([] {
                ++made;
                return std::vector<int>{1, 2, 3};
            });
            if (seen != std::vector<int>{1, 2, 3}) ++wrong;
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(made == 1);
    // One whose making fails is made by the next.
    static constinit Immortal<const int> number;
    CHECK_THROWS_AS(number.get([]() -> int { throw 1; }), int);
    CHECK(number.get([] { return 5; }) == 5);
}
