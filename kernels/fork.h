// What fork() must not break. Of a process with several threads only the one that forks goes on in the child: a lock
// that another one held would stay locked for ever, and the team of kernels/parallel.h is gone.
#pragma once

#include <atomic>
#include <mutex>

namespace keel {

/// A mutex that the child of a fork() finds free, and what it guards whole: forking waits until it is. To be held for
/// moments. One at namespace scope is made before any code runs and is never destroyed; any other is to be retired
/// before it is. The thread that holds it may lock it again.
class ForkMutex {
public:
    constexpr ForkMutex() = default;
    ForkMutex(const ForkMutex&) = delete;
    ForkMutex& operator=(const ForkMutex&) = delete;

    void lock() {
        if (!known_.load(std::memory_order_acquire)) enlist();
        if (held_ == 0) let_forks_pass();
        mutex_.lock();
        ++held_;
    }
    void unlock() {
        --held_;
        mutex_.unlock();
    }
    /// Forking no longer waits for it.
    void retire();

private:
    friend struct ForkHandlers;
    void enlist();
    /// Who holds none waits while somebody forks, who would else find one of them locked each time.
    static void let_forks_pass();

    inline static constinit thread_local int held_ = 0;  ///< by the calling thread

    std::recursive_mutex mutex_;
    std::atomic<bool> known_{false};
    ForkMutex* next_ = nullptr;
};

/// Calls `in_child` in the thread that goes on in the child of each fork() from now on, once for each function.
void after_fork(void (*in_child)());

/// Returns how many forks lie between this process and the one that asked first: what has threads keeps it, to know
/// whether they are there.
int fork_generation();

}  // namespace keel
