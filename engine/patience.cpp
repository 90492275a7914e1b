#include "engine/patience.h"

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

namespace keel {

/// What threads that wait for the same storage share: one line when the first begins to wait, one when the last ends.
class SharedPatience {
public:
    SharedPatience(double seconds, std::function<void(const std::string&)> say)
        : seconds_(seconds), say_(std::move(say)) {}

    double seconds() const { return seconds_; }
    const std::function<void(const std::string&)>& say() const { return say_; }
    bool is_waiting() const {
        const std::lock_guard lock(mutex_);
        return waiting_ > 0;
    }

    void begin(const std::string& reason) {
        const std::lock_guard lock(mutex_);
        if (waiting_++ > 0) return;
        since_ = std::chrono::steady_clock::now();
        tell(fmt::format("{}; waiting for the storage for up to {:g} s", reason, seconds_));
    }
    void end(bool answered) {
        const std::lock_guard lock(mutex_);
        if (--waiting_ > 0 || !answered) return;
        const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - since_;
        tell(fmt::format("the storage answers again after {:.1f} s; nothing was left out", waited.count()));
    }

private:
    void tell(const std::string& line) const {
        if (say_) say_(line);
    }

    const double seconds_;
    const std::function<void(const std::string&)> say_;
    mutable std::mutex mutex_;  // guards what follows, and lets one line out at a time
    int waiting_ = 0;
    std::chrono::steady_clock::time_point since_{};
};

namespace {

thread_local std::shared_ptr<SharedPatience> patience_of_thread;
thread_local const std::atomic<bool>* cancelled_of_thread = nullptr;

bool is_cancelled() { return cancelled_of_thread != nullptr && *cancelled_of_thread; }

}  // namespace

std::shared_ptr<SharedPatience> current_patience() { return patience_of_thread; }

bool is_waiting(const std::shared_ptr<SharedPatience>& patience) { return patience && patience->is_waiting(); }

PatienceScope::PatienceScope(double seconds, std::function<void(const std::string&)> say)
    : outer_(patience_of_thread), outer_cancelled_(cancelled_of_thread) {
    if (!say && outer_) say = outer_->say();
    patience_of_thread = std::make_shared<SharedPatience>(seconds, std::move(say));
}

PatienceScope::PatienceScope(std::shared_ptr<SharedPatience> shared, const std::atomic<bool>* cancelled)
    : outer_(std::move(patience_of_thread)), outer_cancelled_(cancelled_of_thread) {
    patience_of_thread = std::move(shared);
    cancelled_of_thread = cancelled;
}

PatienceScope::~PatienceScope() {
    patience_of_thread = std::move(outer_);
    cancelled_of_thread = outer_cancelled_;
}

StorageWait::~StorageWait() {
    if (patience_) patience_->end(answered_);
}

void StorageWait::before_next_try(const StorageError& error) {
    using Clock = std::chrono::steady_clock;
    constexpr int kInterruptions = 10;  // by signals; they need no waiting
    ++tries_;
    // A stale handle is good again once the file is opened anew.
    if (tries_ == 1 || (error.code == EINTR && tries_ < kInterruptions)) return;
    const auto patience = current_patience();
    if (!patience || patience->seconds() <= 0) throw error;
    if (!patience_) {
        begin_ = Clock::now();
        patience->begin(error.what());
        patience_ = patience;
    }
    const auto end = begin_ + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(std::min(patience->seconds(), 1e9)));
    const auto until = std::min(end, Clock::now() + pause_);
    if (Clock::now() >= end)
        throw StorageError(fmt::format("{}; tried again for {:g} s", error.what(), patience->seconds()), error.code);
    pause_ = std::min(2 * pause_, std::chrono::milliseconds(2000));
    while (Clock::now() < until && !is_cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (is_cancelled()) throw error;
}

}  // namespace keel
