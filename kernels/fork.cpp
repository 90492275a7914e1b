#include "kernels/fork.h"

#include <pthread.h>
#include <time.h>

#include <array>
#include <new>

namespace keel {
namespace {

constexpr std::size_t kMostFunctions = 16;

/// Constants until main(), trivially destructible: there is always a list.
struct ForkList {
    std::mutex mutex;
    ForkMutex* first = nullptr;
    std::array<void (*)(), kMostFunctions> functions{};
    std::atomic<int> generation{0}, forking{0};
    bool registered = false;
};

constinit ForkList fork_list;

void wait_a_moment() {
    const timespec moment{0, 50'000};
    ::nanosleep(&moment, nullptr);
}

}  // namespace

struct ForkHandlers {
    /// Under the list's mutex.
    static void install() {
        if (fork_list.registered) return;
        fork_list.registered = ::pthread_atfork(prepare, in_parent, in_child) == 0;
    }

    /// Locks all or none, since other threads take them in an order of their own.
    static bool try_all() {
        for (ForkMutex* each = fork_list.first; each != nullptr; each = each->next_) {
            if (each->mutex_.try_lock()) continue;
            for (ForkMutex* held = fork_list.first; held != each; held = held->next_) held->mutex_.unlock();
            return false;
        }
        return true;
    }

    static void prepare() {
        ++fork_list.forking;
        for (;; wait_a_moment()) {
            fork_list.mutex.lock();
            if (try_all()) return;
            fork_list.mutex.unlock();
        }
    }

    static void in_parent() {
        for (ForkMutex* each = fork_list.first; each != nullptr; each = each->next_) each->mutex_.unlock();
        fork_list.mutex.unlock();
        --fork_list.forking;
    }

    /// A recursive mutex knows the number of the thread that locked it, which is another one here: it is made anew.
    static void in_child() {
        for (ForkMutex* each = fork_list.first; each != nullptr; each = each->next_)
            ::new (&each->mutex_) std::recursive_mutex;
        ::new (&fork_list.mutex) std::mutex;
        fork_list.forking = 0;
        ++fork_list.generation;
        for (const auto function : fork_list.functions)
            if (function != nullptr) function();
    }
};

void ForkMutex::enlist() {
    const std::lock_guard lock(fork_list.mutex);
    if (known_) return;
    ForkHandlers::install();
    next_ = fork_list.first;
    fork_list.first = this;
    known_ = true;
}

void ForkMutex::let_forks_pass() {
    while (fork_list.forking != 0) wait_a_moment();
}

void ForkMutex::retire() {
    const std::lock_guard lock(fork_list.mutex);
    for (ForkMutex** each = &fork_list.first; *each != nullptr; each = &(*each)->next_)
        if (*each == this) {
            *each = next_;
            break;
        }
    known_ = false;
}

void after_fork(void (*in_child)()) {
    const std::lock_guard lock(fork_list.mutex);
    ForkHandlers::install();
    for (auto& function : fork_list.functions) {
        if (function == in_child) return;
        if (function != nullptr) continue;
        function = in_child;
        return;
    }
}

int fork_generation() {
    const std::lock_guard lock(fork_list.mutex);
    ForkHandlers::install();
    return fork_list.generation;
}

}  // namespace keel
