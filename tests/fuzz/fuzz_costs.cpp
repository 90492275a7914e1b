// What is read of a run's costs: a node that is not at hand, what a run spent, the power in a file, lists of
// processors.
#include <string>
#include <string_view>

#include "engine/speed/node_file.h"
#include "runs/energy/perf_energy.h"
#include "runs/energy/power_file.h"
#include "runs/energy/run_cost.h"
#include "tests/fuzz/target.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    fuzz::accept_or_refuse<InputError>([&] {
        const speed::MeasuredNode node = speed::read_node(text, "input", 0.5);
        fuzz::require(node.node.cores >= 1 && node.node.ghz > 0 && node.node.node_gbs > 0 && node.memory_bytes >= 0,
                      "a node that cannot be");
    });
    fuzz::accept_or_refuse<InputError>([&] {
        const RunCost cost = read_cost(text, "input");
        fuzz::require(cost.seconds >= 0 && cost.core_hours >= 0 && cost.joules >= 0 && cost.processes >= 0,
                      "a run that gave energy back");
    });
    fuzz::accept_or_refuse<InputError>([&] {
        const double watts = read_watts(text, "input");
        fuzz::require(watts >= 0 && watts <= 1e6, "a power out of its range");
    });
    fuzz::require(cpu_list(text).size() <= 4096, "too many processors");
    return 0;
}
