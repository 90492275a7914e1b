#include "distributed/world.h"

#include <utility>

#include "kernels/topology.h"

namespace keel {

World::World(std::function<std::shared_ptr<Communicator>()> make) {
    thread_ = std::thread([this, make = std::move(make)] {
        run(make);
        const std::lock_guard lock(mutex_);
        ended_ = true;
        done_.notify_all();
    });
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return ready_ || error_; });
    if (!error_) return;
    lock.unlock();
    thread_.join();
    std::rethrow_exception(error_);
}

World::~World() {
    end_within(std::chrono::nanoseconds(0));
    thread_.join();
}

bool World::end_within(std::chrono::nanoseconds limit) {
    std::unique_lock lock(mutex_);
    over_ = true;
    wanted_.notify_one();
    return done_.wait_for(lock, limit, [this] { return ended_; });
}

template <class Work>
void World::run_first(std::unique_lock<std::mutex>& lock, Work work) {
    const Task task = std::move(jobs_.front());
    jobs_.pop_front();
    const JobWatch watch = watch_;
    running_ = true;
    lock.unlock();
    std::exception_ptr error;
    if (watch.begins) watch.begins(task.place);
    try {
        work(task);
    } catch (...) {
        error = std::current_exception();
    }
    if (watch.ends && !error) watch.ends();
    lock.lock();
    running_ = false;
    if (error && !error_) error_ = error;
    --unfinished_;
}

void World::run(const std::function<std::shared_ptr<Communicator>()>& make) {
    use_process_cpus();
    std::shared_ptr<Communicator> communicator;
    std::unique_lock lock(mutex_);
    try {
        communicator = make();
        rank_ = communicator->rank();
        size_ = communicator->size();
        topology_ = &communicator->topology();
        ready_ = true;
    } catch (...) {
        error_ = std::current_exception();
    }
    done_.notify_all();
    while (communicator) {
        wanted_.wait(lock, [this] { return !running_ && (jobs_.empty() ? over_ : over_ || !is_for_team()); });
        if (jobs_.empty()) return;
        run_first(lock, [&](const Task& task) { task.job(*communicator); });
        done_.notify_all();
    }
}

void World::watch_jobs(JobWatch watch) {
    const std::lock_guard lock(mutex_);
    watch_ = std::move(watch);
}

void World::at(std::int64_t step) {
    const std::lock_guard lock(mutex_);
    step_ = step;
}

void World::start(Job job, std::int32_t bucket, std::function<void()> by_team) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back({std::move(job), RunPlace{step_, bucket}, std::move(by_team)});
        ++unfinished_;
    }
    wanted_.notify_one();
}

void World::bring_team() {
    const std::lock_guard lock(mutex_);
    team_ = true;
}

void World::finish() {
    std::unique_lock lock(mutex_);
    for (;;) {
        done_.wait(lock, [this] { return unfinished_ == 0 || (!running_ && !jobs_.empty() && is_for_team()); });
        if (unfinished_ == 0) break;
        run_first(lock, [](const Task& task) { task.by_team(); });
        wanted_.notify_one();
    }
    team_ = false;
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void World::call(const Job& job) {
    start([&](Communicator& communicator) { job(communicator); });
    finish();
}

void World::barrier() {
    call([](Communicator& communicator) { keel::barrier(communicator); });
}

std::string World::broadcast(const std::string& text) {
    std::string result;
    call([&](Communicator& communicator) { result = keel::broadcast(communicator, text); });
    return result;
}

std::vector<std::string> World::exchange_texts(const std::vector<int>& with, const std::string& own) {
    std::vector<std::string> theirs;
    call([&](Communicator& communicator) { theirs = keel::exchange_texts(communicator, with, own); });
    return theirs;
}

std::vector<std::string> World::gather_texts(const std::string& own) {
    std::vector<std::string> all;
    call([&](Communicator& communicator) { all = keel::gather_texts(communicator, own); });
    return all;
}

}  // namespace keel
