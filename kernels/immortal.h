// What the library keeps for the process.
#pragma once

#include <atomic>
#include <mutex>

#include "kernels/fork.h"

namespace keel {

/// Something that is made once, on first use, and never destroyed: destructors of static objects, and threads that
/// outlive main(), use it as everybody does. A fork() waits until what is being made is made.
template <class T>
class Immortal {
public:
    constexpr Immortal() = default;

    /// Returns it; the first call makes it of what `make()` returns.
    template <class Make>
    T& get(const Make& make) {
        if (T* made = made_.load(std::memory_order_acquire)) return *made;
        const std::lock_guard lock(mutex_);
        if (made_.load(std::memory_order_relaxed) == nullptr) made_.store(new T(make()), std::memory_order_release);
        return *made_.load(std::memory_order_relaxed);
    }
    T& get() {
        return get([] { return T(); });
    }

private:
    std::atomic<T*> made_{nullptr};
    ForkMutex mutex_;
};

}  // namespace keel
