// The batches that are ready, between the thread that fills them and the one that takes them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "data/pipeline/batch.h"
#include "data/pipeline/epoch.h"

namespace keel {

/// What is handed out at once: a batch, the bad images found on the way to it, and the end's reason after the last
/// batch.
struct Delivery {
    Batch batch;
    std::vector<BadImage> bad;
    bool end = false;
    std::exception_ptr error;
};

/// Holds up to `prefetch` batches, the one being filled included, and uses their memory again.
class BatchQueue {
public:
    explicit BatchQueue(int prefetch) : prefetch_(static_cast<std::size_t>(prefetch)) {}

    /// Waits until there is room for one more batch, or the queue is closed. Returns memory for it: a batch with old
    /// contents.
    Batch open();
    void put(Delivery delivery);
    /// Waits for a delivery and takes it out, its batch swapped for `batch`. An end stays, so that the next call
    /// answers the same, and leaves `batch` as it is. Nothing comes where `give_up`, which is asked every tenth of a
    /// second, says so before there is a delivery.
    std::optional<Delivery> take(Batch& batch, const std::function<bool()>& give_up);
    /// Nobody waits for room from now on.
    void close();

private:
    const std::size_t prefetch_;
    std::mutex mutex_;  // guards all below
    std::condition_variable ready_changed_, room_;
    std::deque<Delivery> ready_;
    std::vector<Batch> spare_;
    bool closed_ = false;
};

}  // namespace keel
