// keel scale: how fast many nodes would train.
#include <fmt/format.h>

#include <iostream>
#include <limits>
#include <memory>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "engine/files.h"
#include "kernels/error.h"
#include "runs/terminal/progress.h"
#include "train/config_file.h"
#include "train/scale_report.h"

namespace keel::cli {
namespace {

constexpr std::uint64_t kTraceLimit = 256 << 20;  // bytes; a step of DenseNet121 has some 200 KB

struct ScaleArguments {
    ScaleQuestion question{.step = {}, .machine = {}, .nodes = {1, 2, 4, 8, 16, 32, 64, 128, 256}};
    std::vector<std::string> traces;
    std::string machine;
    MachineChanges changes;
    double skew = -1;  // percent; negative: as measured
    bool no_overlap = false;
};

ScaleMachine machine_of(const ScaleArguments& o) {
    ScaleMachine machine;
    if (!o.machine.empty()) {
        machine.name = o.machine;
        const TomlSource source = read_toml(o.machine);
        apply_machine(machine, source.text, source.origin);
    }
    apply_changes(machine, o.changes);
    return machine;
}

int run(ScaleArguments& o, const Globals& globals) {
    ScaleQuestion& question = o.question;
    for (const int nodes : question.nodes)
        if (nodes < 1 || nodes > 100'000)
            throw UsageError(fmt::format("[scale] nodes: wanted 1 to 100000, got {}", nodes));
    question.machine = machine_of(o);
    question.step.seed = globals.seed.value_or(0);
    question.overlap = !o.no_overlap;
    std::vector<TracedRanks> traces;
    for (const std::string& file : o.traces) traces.push_back(traced_ranks(read_file(file, kTraceLimit), file));

    settle_precision(question, !traces.empty());
    Progress progress(std::cerr, "measuring", stderr_progress(globals.quiet));
    const int steps = question.step.warmup + question.step.steps;
    const StepProfile measured = measure_step(question.step, [&](int done, double rate) {
        progress.update(done, steps, std::numeric_limits<double>::quiet_NaN(), rate);
    });
    progress.finish();
    StepProfile profile = scaled_profile(measured, std::move(traces), question);
    if ((question.skew_given = o.skew >= 0)) {
        profile.groups.clear();
        profile.factors = drawn_factors(o.skew, question.step.seed);
    }
    const Json report = scale_report(profile, question);
    print_result(globals, report, scale_text(report));
    return kSuccess;
}

}  // namespace

Run add_scale(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<ScaleArguments>();
    ScaleQuestion& q = o->question;
    add_list(app, "--nodes", q.nodes, "N,", {.commas = true},
             "numbers of nodes, with commas between them [default 1,2,4,8,16,32,64,128,256]");
    add_text(app, "--model", q.step.model, "NAME", "a model of keel models");
    add_number(app, "--batch", q.step.batch, from_to(1, 4096), "images a step of each rank");
    add_number(app, "--image-size", q.step.image_size, from_to(28, 4096), "side of the images, pixels");
    add_number(app, "--classes", q.step.options.classes, from_to(1, 1'000'000), "outputs of the classifier");
    add_text(
        app, "--machine", o->machine, "FILE.toml",
        "network, input, checkpoints and failures of the nodes meant (docs/clusters.md); what options say counts more");
    add_list(app, "--traces", o->traces, "FILE,", {.commas = true},
             "trace.json files of --trace-steps: how long ranks take, and which are slower than others");
    add_choice(app, "--precision", q.precision, {"f32", "bf16"},
               "of the computation; bf16: as much faster as the machine or --model-of says");
    add_text(app, "--model-of", o->changes.processor, "NODE", "ranks as fast as keel bench --model-of says of NODE");
    add_choice(app, "--wire", q.wire, {"f32", "bf16"}, "gradients in messages");
    add_number(app, "--ranks-per-node", o->changes.ranks_per_node, from_to(1, 1024), "ranks a node; without: 2");
    add_number(app, "--gbits", o->changes.gbits, above(0),
               "a node's network, Gbit/s, as reached by messages of 256 KB; without: 100");
    add_number(app, "--latency-us", o->changes.latency_us, at_least(0),
               "a message from one node to another, microseconds; without: 2");
    add_number(app, "--add-ns", o->changes.add_ns, at_least(0), "adding a received byte, nanoseconds; without: 0.2");
    add_number(app, "--bucket-mb", q.step.bucket_mb, {0, 1024, true, false}, "gradients that go out together, MB");
    add_flag(app, "--no-overlap", o->no_overlap, "sums after backward, not while it goes on");
    add_number(app, "--stolen", o->changes.stolen, from_to_below(0, 1),
               "share of a rank's speed that sums take while they run; without: 0");
    add_number(app, "--images-per-second", o->changes.images_per_second, at_least(0),
               "what a rank trains alone, where that is known of the nodes meant; 0 or without: what is measured here");
    add_number(app, "--skew", o->skew, from_to(-1, 100),
               "standard deviation of a rank's step times, percent; negative: as measured here");
    add_number(app, "--steps", q.step.steps, from_to(1, 100'000), "steps measured");
    add_number(app, "--simulated", q.simulated, from_to(1, 1'000'000), "steps simulated");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
