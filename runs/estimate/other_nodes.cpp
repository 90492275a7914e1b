#include "runs/estimate/other_nodes.h"

#include <fmt/format.h>

#include <algorithm>

#include "distributed/planning/scale_model.h"
#include "engine/files.h"
#include "engine/speed/speed_model.h"
#include "kernels/cpu.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "runs/energy/processor_power.h"
#include "train/step_profile.h"
#include "train/step_timing.h"

namespace keel {
namespace {

constexpr std::int64_t kModelledImages = 16;  // of a step: from here on all convolutions run the same way
constexpr std::uint64_t kNodeFileLimit = 1 << 20;

/// By how many times a step takes longer there than here, both by the model of speed.
double longer_there(const RunFacts& facts, const speed::MeasuredNode& here, const speed::MeasuredNode& there,
                    int threads_there) {
    World world([] { return std::shared_ptr<Communicator>(self_communicator()); });
    StepTimingOptions timing{.model = facts.config.model,
                             .options = facts.model,
                             .precision = facts.config.precision,
                             .batch = std::min(facts.config.batch_size, kModelledImages),
                             .image_size = facts.config.image_size,
                             .steps = 1,
                             .warmup = 1,
                             .record = true};
    const StepTiming step = time_steps(timing, world);
    const speed::ModelOptions options{thread_count(), true,
                                      step.precision == "bf16" ? speed::Numbers::bf16 : speed::Numbers::f32};
    speed::ModelOptions options_there = options;
    options_there.threads = threads_there;
    return speed::model_step(step.recording, 1, there.node, options_there).seconds /
           speed::model_step(step.recording, 1, here.node, options).seconds;
}

/// By how many times a step of so many nodes takes longer than a rank's alone.
double longer_together(const RunFacts& facts, const NodesWanted& wanted, double longer) {
    const StepProfile here = measure_step({.model = facts.config.model,
                                           .options = facts.model,
                                           .batch = std::min(facts.config.batch_size, kModelledImages),
                                           .image_size = facts.config.image_size,
                                           .steps = 4,
                                           .warmup = 2,
                                           .bucket_mb = facts.config.bucket_mb,
                                           .seed = 0,
                                           .precision = facts.config.precision});
    // As long as the run's own steps, which may have more images, take there.
    const double alone = here.compute + here.update, step = mean_of(facts.steps).value * facts.step_scale * longer;
    if (!(alone > 0 && step > 0)) return 1;
    const StepProfile profile = stretched(here, step / alone);
    const ScaleOptions options{.costs = wanted.machine.costs,
                               .ranks_per_node = wanted.ranks_per_node,
                               .overlap = facts.config.overlap != "off",
                               .stolen = wanted.machine.stolen,
                               .wire_bytes = facts.config.wire == "bf16" ? 2.0 : 4.0};
    return simulate(profile, options, wanted.nodes).step / step;
}

void take_node(const RunFacts& facts, const NodesWanted& wanted, RunPlan& plan, std::vector<std::string>& assumed) {
    const speed::MeasuredNode here = speed::measure_this_node();
    const speed::MeasuredNode there =
        speed::read_node(read_file(wanted.node_file, kNodeFileLimit), wanted.node_file, speed::efficiency_of(here));
    plan.threads = std::max(1, there.node.cores / wanted.ranks_per_node);
    plan.step = longer_there(facts, here, there, plan.threads);
    plan.compute = plan.step;
    plan.node_memory = there.memory_bytes;
    const CorePower power = core_power(there.node.title, facts.config.package_watts, there.node.cores);
    plan.rank_watts = power.watts * plan.threads;
    assumed.push_back(fmt::format(
        "{} ({}) is a MODEL, not measured: {} cores, {:.0f} GFLOP/s, {:.0f} GB/s of memory, beside {} cores, "
        "{:.0f} GFLOP/s, {:.0f} GB/s here; a step takes {:.3g} times as long there as here",
        wanted.node_file, there.node.title, there.node.cores, there.gflops, there.node.node_gbs, here.node.cores,
        here.gflops, here.node.node_gbs, plan.step));
    assumed.push_back(
        fmt::format("energy there is processor time at {:.2f} W a core ({}): an estimate", power.watts, power.from));
    assumed.emplace_back("storage there gives images as fast as a core for a core does here");
    if (!facts.config.teacher.empty())
        assumed.emplace_back("teachers take as many times as long there as the model that learns from them");
    if (there.memory_bytes == 0) assumed.push_back(wanted.node_file + " does not say how much memory it has");
}

}  // namespace

void check_nodes(const NodesWanted& wanted) {
    if (!wanted.node_file.empty()) speed::read_node(read_file(wanted.node_file, kNodeFileLimit), wanted.node_file, 1);
}

RunPlan plan_run(const RunFacts& facts, const NodesWanted& wanted, std::vector<std::string>& assumed) {
    RunPlan plan{.nodes = 1, .ranks_per_node = facts.ranks, .threads = facts.threads};
    if (wanted.nodes == 0 && wanted.node_file.empty()) return plan;
    if (facts.ranks > 1)
        throw UsageError(fmt::format("[estimate] --nodes and --node want one rank to measure, got {}", facts.ranks));
    plan.nodes = std::max(1, wanted.nodes);
    plan.ranks_per_node = wanted.ranks_per_node;
    if (!wanted.node_file.empty()) take_node(facts, wanted, plan, assumed);
    if (plan.ranks() == 1) return plan;
    NodesWanted together = wanted;
    together.nodes = plan.nodes;
    const double longer = longer_together(facts, together, plan.step);
    plan.step *= longer;
    assumed.push_back(fmt::format(
        "{} nodes of {} rank{} are a simulation (keel scale): {:g} Gbit/s and {:g} us a message between nodes, no "
        "other "
        "traffic, storage as fast for all; sums and the wait for the slowest make a step {:.3g} times as long",
        plan.nodes, plan.ranks_per_node, plan.ranks_per_node == 1 ? "" : "s", 8e-9 / wanted.machine.costs.beta,
        1e6 * wanted.machine.costs.alpha, longer));
    if (plan.ranks_per_node > 1 && wanted.node_file.empty())
        assumed.push_back(fmt::format("each of the {} ranks of a node has {} cores of its own, as this one had",
                                      plan.ranks_per_node, plan.threads));
    return plan;
}

}  // namespace keel
