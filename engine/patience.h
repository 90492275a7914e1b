// Patience with storage: reads that it does not answer (StorageError) are tried again for a while. How long is a matter
// of the thread that reads, since a library that waited of its own accord would surprise its host: where no
// PatienceScope stands, a read is tried a second time at once and no more.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "kernels/error.h"

namespace keel {

class SharedPatience;

/// Returns the calling thread's patience, to be handed to threads that work for it; null where it has none.
std::shared_ptr<SharedPatience> current_patience();

/// True while a thread waits for storage with this patience, which may be null.
bool is_waiting(const std::shared_ptr<SharedPatience>& patience);

/// The calling thread's patience for the scope's lifetime.
class PatienceScope {
public:
    /// Reads are tried again for `seconds`. `say` hears a line when waiting begins and when the storage answers again,
    /// from whichever thread waits, one at a time; empty: what hears of the scope around.
    explicit PatienceScope(double seconds, std::function<void(const std::string&)> say = {});
    /// Shares another thread's patience; `cancelled`, which may be null, ends waiting when it becomes true.
    PatienceScope(std::shared_ptr<SharedPatience> shared, const std::atomic<bool>* cancelled);
    ~PatienceScope();
    PatienceScope(const PatienceScope&) = delete;
    PatienceScope& operator=(const PatienceScope&) = delete;

private:
    std::shared_ptr<SharedPatience> outer_;
    const std::atomic<bool>* outer_cancelled_;
};

/// The waiting of one call that is tried again; patiently() is what to use.
class StorageWait {
public:
    StorageWait() = default;
    ~StorageWait();
    StorageWait(const StorageWait&) = delete;
    StorageWait& operator=(const StorageWait&) = delete;

    /// Waits, ever longer up to 2 s, before the next try. Throws `error`, with how long it was waited, when patience is
    /// used up or waiting is cancelled.
    void before_next_try(const StorageError& error);
    void answered() { answered_ = true; }

private:
    std::shared_ptr<SharedPatience> patience_;  // once it waits
    std::chrono::steady_clock::time_point begin_{};
    std::chrono::milliseconds pause_{50};
    int tries_ = 0;
    bool answered_ = false;
};

/// Returns what `call` returns; calls it again where it throws StorageError, as long as the thread's patience lasts.
template <class Call>
auto patiently(const Call& call) -> decltype(call()) {
    for (StorageWait wait;;) {
        try {
            if constexpr (std::is_void_v<decltype(call())>) {
                call();
                return wait.answered();
            } else {
                auto result = call();
                wait.answered();
                return result;
            }
        } catch (const StorageError& error) {
            wait.before_next_try(error);
        }
    }
}

}  // namespace keel
