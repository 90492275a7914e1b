// To sleep until a number changes: Linux's futex. What std::atomic::wait() is made of, without its turns before it
// sleeps, and with a time limit.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

namespace keel {

/// Sleeps while `word` is `value`, at most `ns` nanoseconds where that is not negative. May return early.
inline void sleep_while(const std::atomic<std::uint32_t>& word, std::uint32_t value, std::int64_t ns = -1) {
    const timespec limit{ns / 1'000'000'000, ns % 1'000'000'000};
    ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, ns < 0 ? nullptr : &limit, nullptr, 0);
}

/// Wakes at most `count` of those who sleep on it.
inline void wake(const std::atomic<std::uint32_t>& word, int count = INT_MAX) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

}  // namespace keel
