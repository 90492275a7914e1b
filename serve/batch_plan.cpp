#include "serve/batch_plan.h"

#include <algorithm>

namespace keel::serve {

BatchDecision decide_batch(std::span<const QueueView> queues, const BatchLimits& limits, TimePoint now) {
    BatchDecision decision;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        const QueueView& queue = queues[i];
        if (queue.images == 0) continue;
        const bool full = queue.images >= limits.max_batch;
        if (!full && queue.coming > 0 && now - queue.oldest < limits.max_delay) {
            decision.wake = std::min(decision.wake, queue.oldest + limits.max_delay);
            continue;
        }
        if (!decision.queue) {
            decision.queue = i;
            continue;
        }
        const QueueView& best = queues[*decision.queue];
        if (queue.served < best.served || (!(best.served < queue.served) && queue.oldest < best.oldest))
            decision.queue = i;
    }
    if (decision.queue) decision.wake = TimePoint::max();
    return decision;
}

}  // namespace keel::serve
