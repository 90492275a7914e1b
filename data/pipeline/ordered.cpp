#include "data/pipeline/ordered.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "engine/patience.h"
#include "kernels/topology.h"

namespace keel {

namespace {

/// The ring of slots between its threads, each of which takes the oldest item that is done where there is one and
/// nobody takes, else draws the next and works on it, else waits. Who waits is woken by who draws or takes, and all at
/// the end.
class Ring {
public:
    Ring(std::size_t slots, const std::atomic<bool>& cancel, const OrderedStages& stages)
        : cancel_(cancel), stages_(stages), done_(slots, 0) {}

    /// Works until all is taken, cancelled or has failed.
    void work() {
        std::unique_lock lock(mutex_);
        try {
            while (!over())
                if (!take_one(lock) && !draw_one(lock) && !over()) changed_.wait(lock);
        } catch (...) {
            if (!lock.owns_lock()) lock.lock();
            if (!error_) error_ = std::current_exception();
        }
        changed_.notify_all();
    }

    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

private:
    bool over() const { return error_ || cancel_ || (ended_ && taken_ == drawn_); }

    bool take_one(std::unique_lock<std::mutex>& lock) {
        const std::size_t slot = taken_ % done_.size();
        if (taking_ || done_[slot] == 0) return false;
        taking_ = true;
        lock.unlock();
        stages_.take(slot);
        lock.lock();
        taking_ = false;
        done_[slot] = 0;
        ++taken_;
        changed_.notify_one();
        return true;
    }

    bool draw_one(std::unique_lock<std::mutex>& lock) {
        if (drawing_ || ended_ || drawn_ - taken_ == done_.size()) return false;
        const std::size_t slot = drawn_ % done_.size();
        drawing_ = true;
        lock.unlock();
        const bool drew = stages_.draw(slot);
        lock.lock();
        drawing_ = false;
        ended_ = !drew;
        if (!drew) return true;
        ++drawn_;
        changed_.notify_one();
        lock.unlock();
        if (!cancel_) stages_.work(slot);
        lock.lock();
        done_[slot] = 1;
        return true;
    }

    const std::atomic<bool>& cancel_;
    const OrderedStages& stages_;
    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::vector<char> done_;  // by slot: whether its item waits to be taken
    std::size_t drawn_ = 0, taken_ = 0;
    bool drawing_ = false, taking_ = false, ended_ = false;
    std::exception_ptr error_;
};

}  // namespace

void run_ordered(std::size_t slots, int workers, const std::atomic<bool>& cancel, const OrderedStages& stages) {
    Ring ring(slots, cancel, stages);
    const auto work = [&ring, &cancel, patience = current_patience()] {
        const PatienceScope scope(patience, &cancel);
        ring.work();
    };
    use_process_cpus();
    std::vector<std::thread> threads;
    const auto beside = static_cast<std::size_t>(std::clamp(workers, 1, kMaxWorkers) - 1);  // this thread works as well
    threads.reserve(beside);
    try {
        while (threads.size() < beside) threads.emplace_back(work);
    } catch (const std::system_error&) {
        // A limit on threads: those that are there do the work.
    }
    work();
    for (std::thread& thread : threads) thread.join();
    ring.rethrow();
}

void run_ordered_apart(std::size_t slots, int workers, const std::atomic<bool>& cancel, const OrderedStages& stages) {
    std::exception_ptr error;
    std::thread([&, patience = current_patience()] {
        const PatienceScope scope(patience, nullptr);
        try {
            run_ordered(slots, workers, cancel, stages);
        } catch (...) {
            error = std::current_exception();
        }
    }).join();
    if (error) std::rethrow_exception(error);
}

}  // namespace keel
