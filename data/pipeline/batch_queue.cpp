#include "data/pipeline/batch_queue.h"

#include <chrono>
#include <utility>

namespace keel {

Batch BatchQueue::open() {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || ready_.size() < prefetch_; });
    if (spare_.empty()) return {};
    Batch batch = std::move(spare_.back());
    spare_.pop_back();
    return batch;
}

void BatchQueue::put(Delivery delivery) {
    {
        const std::lock_guard lock(mutex_);
        ready_.push_back(std::move(delivery));
    }
    ready_changed_.notify_one();
}

std::optional<Delivery> BatchQueue::take(Batch& batch, const std::function<bool()>& give_up) {
    Delivery delivery;
    {
        std::unique_lock lock(mutex_);
        while (!ready_changed_.wait_for(lock, std::chrono::milliseconds(100), [&] { return !ready_.empty(); })) {
            lock.unlock();  // it may take a while to ask
            if (give_up()) return std::nullopt;
            lock.lock();
        }
        if (ready_.front().end) {
            delivery.end = true;
            delivery.error = ready_.front().error;
            std::swap(delivery.bad, ready_.front().bad);
        } else {
            delivery = std::move(ready_.front());
            ready_.pop_front();
            std::swap(batch, delivery.batch);
            spare_.push_back(std::move(delivery.batch));
        }
    }
    room_.notify_all();
    return delivery;
}

void BatchQueue::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    room_.notify_all();
}

}  // namespace keel
