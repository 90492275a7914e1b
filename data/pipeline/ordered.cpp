#include "data/pipeline/ordered.h"

#include <exception>
#include <thread>

#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include "data/pipeline/tsan_fence.h"
#include "engine/patience.h"
#include "kernels/topology.h"

namespace keel {

void run_ordered(std::size_t slots, int workers, const std::atomic<bool>& cancel, const OrderedStages& stages) {
    using tbb::filter_mode;
    using Turn = TsanFence::Turn;
    TsanFence source, sink;
    std::vector<TsanFence> fences_of_slots(slots);
    TsanFence* const fences = fences_of_slots.data();
    for (TsanFence* fence : {&source, &sink}) fence->pass();
    for (TsanFence& fence : fences_of_slots) fence.pass();
    std::size_t next = 0;
    // Items are drawn and taken in order and at most `slots` are under way, so the slot after the last one drawn is
    // free.
    const auto draw = [&](tbb::flow_control& flow) {
        const Turn turn(source);
        const std::size_t slot = next;
        const Turn of_slot(fences[slot]);
        if (cancel || !stages.draw(slot)) {
            flow.stop();
            return slot;
        }
        next = (next + 1) % slots;
        return slot;
    };
    const auto work = [&, patience = current_patience()](std::size_t slot) {
        const Turn of_slot(fences[slot]);
        const PatienceScope scope(patience, &cancel);
        if (!cancel) stages.work(slot);
        return slot;
    };
    const auto take = [&](std::size_t slot) {
        const Turn turn(sink), of_slot(fences[slot]);
        if (!cancel) stages.take(slot);
    };
    const auto end = [&] {
        for (const TsanFence* fence : {&source, &sink}) fence->take();
        for (const TsanFence& fence : fences_of_slots) fence.take();
    };
    use_process_cpus();
    // Without the control oneTBB never starts more threads than the machine has cores, whatever the arena's size.
    const tbb::global_control limit(
        tbb::global_control::max_allowed_parallelism,
        std::max<std::size_t>(static_cast<std::size_t>(workers), std::thread::hardware_concurrency()));
    tbb::task_arena arena(workers);
    try {
        arena.execute([&] {
            tbb::parallel_pipeline(slots, tbb::make_filter<void, std::size_t>(filter_mode::serial_in_order, draw) &
                                              tbb::make_filter<std::size_t, std::size_t>(filter_mode::parallel, work) &
                                              tbb::make_filter<std::size_t, void>(filter_mode::serial_in_order, take));
        });
    } catch (...) {
        end();
        throw;
    }
    end();
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
