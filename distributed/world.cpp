#include "distributed/world.h"

#include <utility>

#include "kernels/topology.h"

namespace keel {

World::World(std::function<std::shared_ptr<Communicator>()> make) {
    thread_ = std::thread([this, make = std::move(make)] { run(make); });
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return ready_ || error_; });
    if (!error_) return;
    lock.unlock();
    thread_.join();
    std::rethrow_exception(error_);
}

World::~World() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    wanted_.notify_one();
    thread_.join();
}

void World::run(const std::function<std::shared_ptr<Communicator>()>& make) {
    use_process_cpus();
    std::shared_ptr<Communicator> communicator;
    std::unique_lock lock(mutex_);
    try {
        communicator = make();
        rank_ = communicator->rank();
        size_ = communicator->size();
        topology_ = communicator->topology();
        ready_ = true;
    } catch (...) {
        error_ = std::current_exception();
    }
    done_.notify_all();
    while (communicator) {
        wanted_.wait(lock, [this] { return over_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        const auto [job, place] = std::move(jobs_.front());
        jobs_.pop_front();
        const JobWatch watch = watch_;
        lock.unlock();
        std::exception_ptr error;
        if (watch.begins) watch.begins(place);
        try {
            job(*communicator);
        } catch (...) {
            error = std::current_exception();
        }
        if (watch.ends && !error) watch.ends();
        lock.lock();
        if (error && !error_) error_ = error;
        if (--unfinished_ == 0) done_.notify_all();
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

void World::start(Job job, std::int32_t bucket) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.emplace_back(std::move(job), RunPlace{step_, bucket});
        ++unfinished_;
    }
    wanted_.notify_one();
}

void World::finish() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return unfinished_ == 0; });
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

std::vector<std::string> World::gather_texts(const std::string& own) {
    std::vector<std::string> all;
    call([&](Communicator& communicator) { all = keel::gather_texts(communicator, own); });
    return all;
}

}  // namespace keel
