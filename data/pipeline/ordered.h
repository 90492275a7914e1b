// A loop whose body runs on several threads and whose results are taken in order, with bounded memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include "data/pipeline/tsan_fence.h"
#include "kernels/topology.h"

namespace keel {

/// Calls make(i) -> T for i in [0, count) on `workers` threads and take(i, T&) for each in order, one at a time; at most 2 *
/// workers results exist at once. The first exception of either ends the loop and is thrown. Like the loader's, the threads are
/// oneTBB's and run on all the processors of the process.
template <class T, class Make, class Take>
void for_each_in_order(std::int64_t count, int workers, const Make& make, const Take& take) {
    struct Slot {
        std::int64_t index = 0;
        T result;
        Baton baton;
    };
    std::vector<Slot> slots(static_cast<std::size_t>(2 * workers));
    Baton source, sink;
    std::int64_t next = 0;
    const auto draw = [&](tbb::flow_control& flow) -> Slot* {
        const Baton::Turn turn(source);
        if (next == count) {
            flow.stop();
            return nullptr;
        }
        Slot& slot = slots[static_cast<std::size_t>(next) % slots.size()];
        const Baton::Turn of_slot(slot.baton);
        slot.index = next++;
        return &slot;
    };
    const auto work = [&](Slot* slot) {
        const Baton::Turn turn(slot->baton);
        slot->result = make(slot->index);
        return slot;
    };
    const auto finish = [&](Slot* slot) {
        const Baton::Turn turn(sink), of_slot(slot->baton);
        take(slot->index, slot->result);
    };
    std::exception_ptr error;
    // A thread of its own: its processors are changed, and the workers inherit them.
    std::thread([&] {
        try {
            use_process_cpus();
            const tbb::global_control limit(
                tbb::global_control::max_allowed_parallelism,
                std::max<std::size_t>(static_cast<std::size_t>(workers), std::thread::hardware_concurrency()));
            tbb::task_arena arena(workers);
            arena.execute([&] {
                using tbb::filter_mode;
                tbb::parallel_pipeline(slots.size(), tbb::make_filter<void, Slot*>(filter_mode::serial_in_order, draw) &
                                                         tbb::make_filter<Slot*, Slot*>(filter_mode::parallel, work) &
                                                         tbb::make_filter<Slot*, void>(filter_mode::serial_in_order, finish));
            });
        } catch (...) {
            error = std::current_exception();
        }
    }).join();
    for (const Baton* baton : {&source, &sink}) baton->take();
    for (const Slot& slot : slots) slot.baton.take();
    if (error) std::rethrow_exception(error);
}

}  // namespace keel
