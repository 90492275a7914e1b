// What keel scale reads: the file of a machine, and traces of steps.
#include <string_view>

#include "tests/fuzz/target.h"
#include "train/scale_machine.h"
#include "train/trace_steps.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    fuzz::accept_or_refuse<InputError>([&] {
        ScaleMachine machine;
        apply_machine(machine, text, "input");
        fuzz::require(machine.ranks_per_node >= 1 && machine.costs.beta >= 0 && machine.stolen < 1,
                      "a number out of its range");
    });
    fuzz::accept_or_refuse<InputError>([&] {
        const TracedRanks traced = traced_ranks(text, "input");
        fuzz::require(traced.steps > 0 && !traced.ranks.empty(), "a trace without steps");
        for (const auto& rank : traced.ranks)
            for (const MeasuredStep& step : rank) fuzz::require(step.factor > 0 && step.input >= 0, "a negative time");
    });
    return 0;
}
