// keel estimate: what a run is going to take.
#include <spdlog/spdlog.h>
#include <filesystem>
#include <memory>

#include "cli/app.h"
#include "cli/cluster/run_start.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/train_options.h"
#include "distributed/mpi/launched.h"
#include "runs/estimate/estimate_text.h"
#include "runs/estimate/measure_run.h"
#include "runs/estimate/other_nodes.h"

namespace keel::cli {
namespace {

struct EstimateArguments {
    NodesWanted nodes;
    MeasureOptions measure;
    std::string machine;
    bool oversubscribe = false;
};

int run(const CLI::App& app, EstimateArguments o, const Globals& globals, World& world) {
    const TrainConfig config = read_train_config(app, {"out = 'estimate'", "keel estimate"});
    check_nodes(o.nodes);
    if (!o.machine.empty()) {
        const TomlSource source = read_toml(o.machine);
        apply_machine(o.nodes.machine, source.text, source.origin);
    }
    for (const std::string& note : take_threads({config.threads, o.oversubscribe, globals.bind}, config.workers,
                                                {globals.threads, globals.core_notes}, world))
        if (world.is_root()) spdlog::warn("{}", note);
    o.measure.on_phase = [&](const std::string& phase) {
        if (world.is_root()) spdlog::info("measuring: {}", phase);
    };
    const RunFacts facts = measure_run(config, world, o.measure);
    if (!world.is_root()) return kSuccess;
    std::vector<std::string> assumed = plain_assumptions(facts);
    const RunPlan plan = plan_run(facts, o.nodes, assumed);
    const RunEstimate estimate = estimate_run(facts, plan);
    std::error_code unknown;
    const auto above = std::filesystem::absolute(config.out, unknown).parent_path();
    const auto space = std::filesystem::space(above, unknown);
    for (const std::string& warning :
         estimate_warnings(facts, estimate, unknown ? 0 : static_cast<std::int64_t>(space.available)))
        spdlog::warn("{}", warning);
    print_result(globals, estimate_json(facts, plan, estimate, assumed), estimate_text(facts, plan, estimate, assumed));
    return kSuccess;
}

}  // namespace

Run add_estimate(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<EstimateArguments>();
    add_train_options(app);
    add_number(app, "--nodes", o->nodes.nodes, from_to(0, 100'000),
               "Nodes to estimate for, by the simulation of keel scale; 0: the ranks that are started, as they are");
    add_number(app, "--ranks-per-node", o->nodes.ranks_per_node, from_to(1, 1024),
               "With --nodes or --node: ranks a node");
    add_text(
        app, "--node", o->nodes.node_file, "FILE.json",
        "Estimate for a node that is not at hand, by what keel doctor --json printed there: a model, no measurement");
    add_text(app, "--machine", o->machine, "FILE.toml", "With --nodes: the network between them (docs/clusters.md)");
    add_number(app, "--seconds", o->measure.seconds, above(0), "How long steps are measured, at least");
    add_flag(app, "--oversubscribe", o->oversubscribe, "Several ranks: more threads on a node than it has cores");
    return
        [&app, o, &globals] { return with_launched_ranks([&](World& world) { return run(app, *o, globals, world); }); };
}

}  // namespace keel::cli
