// A rank's place in the run, and the thread that speaks for it: MPI is called by one thread alone, which sums gradients
// while the compute pool is still at the backward pass.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "distributed/communicator.h"
#include "distributed/gather.h"
#include "distributed/rank_failure.h"

namespace keel {

class World {
public:
    /// Makes the communicator on the thread that will use it. Throws what that throws.
    explicit World(std::function<std::shared_ptr<Communicator>()> make);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    /// Takes the communicator down once all jobs are done, and nothing may be asked of this any more. Returns whether
    /// that is over within `limit`; if not it goes on, and is waited for by the next call, or by the destructor.
    bool end_within(std::chrono::nanoseconds limit);

    int rank() const { return rank_; }
    int size() const { return size_; }
    bool is_single() const { return size_ == 1; }
    bool is_root() const { return rank_ == 0; }
    const Topology& topology() const { return *topology_; }

    /// Functions that are told of each job, on the communication thread: where in the run it belongs as it begins, and
    /// that it has ended.
    struct JobWatch {
        std::function<void(const RunPlace&)> begins;
        std::function<void()> ends;
    };
    void watch_jobs(JobWatch watch);
    /// Sets the step that the next jobs belong to.
    void at(std::int64_t step);

    using Job = std::function<void(Communicator&)>;
    /// Runs `job` on the communication thread, after all that came before, and waits for it. Rethrows its exception.
    void call(const Job& job);
    /// Starts `job` without waiting for it; finish() waits for all jobs, and rethrows the first exception of one.
    /// `by_team` does the same without the communicator, with the compute team of the thread that waits in finish().
    void start(Job job, std::int32_t bucket = -1, std::function<void()> by_team = {});
    void finish();
    /// The calling thread comes to finish() next and its team is idle: from now on it does what its team can do.
    void bring_team();

    // All ranks call these in the same order.
    void barrier();
    std::string broadcast(const std::string& text);
    std::vector<std::string> gather_texts(const std::string& own);
    /// Exchanges texts with the ranks `with`, each of which names this one; the other ranks do the same at once.
    std::vector<std::string> exchange_texts(const std::vector<int>& with, const std::string& own);
    /// What `combine` makes of all ranks' values (distributed/gather.h).
    template <class T, class Combine>
    T reduce(const T& own, Combine combine) {
        T result = own;
        call([&](Communicator& communicator) { result = keel::reduce(communicator, own, combine); });
        return result;
    }
    template <class T>
    std::vector<T> gather(const T& own) {
        std::vector<T> all;
        call([&](Communicator& communicator) { all = keel::gather(communicator, own); });
        return all;
    }

private:
    struct Task {
        Job job;
        RunPlace place;
        std::function<void()> by_team;
    };
    void run(const std::function<std::shared_ptr<Communicator>()>& make);
    bool is_for_team() const { return team_ && jobs_.front().by_team; }
    /// Does the first of the jobs by `work`, unlocked meanwhile.
    template <class Work>
    void run_first(std::unique_lock<std::mutex>& lock, Work work);

    int rank_ = 0, size_ = 1;
    const Topology* topology_ = nullptr;  // the communicator's, which is there as long as its thread
    std::mutex mutex_;
    std::condition_variable wanted_, done_;
    std::deque<Task> jobs_;
    JobWatch watch_;
    std::int64_t step_ = -1;
    std::int64_t unfinished_ = 0;
    std::exception_ptr error_;
    bool ready_ = false, over_ = false, ended_ = false;
    bool running_ = false;  // a job, on either thread: one at a time
    bool team_ = false;     // the thread that owns this waits in finish(), or will
    std::thread thread_;
};

}  // namespace keel
