// Threads for what goes before and after computing: reading requests, decoding images, writing answers. They are few,
// so that the team that computes keeps its cores, and what waits for them is bounded.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace keel::serve {

class WorkerPool {
public:
    using Task = std::function<void()>;

    /// `most`: tasks that wait.
    WorkerPool(int threads, std::size_t most);
    /// Waits for the tasks that run; those that wait are dropped.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Takes a task, which does not throw, or returns false where too many wait.
    bool run(Task task);

private:
    void work();

    const std::size_t most_;
    std::mutex mutex_;  // guards:
    std::condition_variable changed_;
    std::deque<Task> tasks_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace keel::serve
