// keel doctor
#include <memory>

#include "cli/app.h"
#include "cli/cluster/core_map.h"
#include "cli/cluster/machine.h"
#include "cli/cluster/rank_report.h"
#include "cli/options.h"
#include "cli/output.h"
#include "distributed/mpi/launched.h"
#include "engine/speed/node_file.h"

namespace keel::cli {

Run add_doctor(CLI::App& app, const Globals& globals) {
    struct DoctorArguments {
        CoreRequest cores;
        int nodes = 1;
    };
    const auto o = std::make_shared<DoctorArguments>();
    add_number(app, "--ranks", o->cores.ranks, from_to(0, 1024),
               "Ranks a node to plan cores for; 0: as many as use them best");
    add_number(app, "--nodes", o->nodes, from_to(1, 100'000), "Nodes, for the lines that start a run");
    add_flag(app, "--oversubscribe", o->cores.oversubscribe,
             "Plan for more ranks or threads than there are cores, too");
    const auto run = [o, &globals](World& world) {
        const Machine machine = read_machine();
        DoctorReport report = diagnose(machine);
        CoreRequest request = o->cores;
        request.threads = globals.threads;
        if (request.ranks == 0) request.oversubscribe = true;  // to be shown, not refused
        const CorePlan plan = plan_cores(cores_of(machine), request);
        report.object["cores"] = core_map_object(plan, o->nodes);
        report.text += "\n" + core_map_text(plan, o->nodes);
        if (!world.is_single()) {
            const RankReport ranks = report_ranks(world);
            report.object["self_test"] = ranks.object;
            report.text += "\n" + ranks.text;
        }
        // It takes a second, and is for keel estimate --node on another machine.
        if (globals.json && world.is_single()) report.object["speed"] = speed::node_json(speed::measure_this_node());
        if (world.is_root()) print_result(globals, report.object, report.text);
        return kSuccess;
    };
    return [run] { return with_launched_ranks(run); };
}

}  // namespace keel::cli
