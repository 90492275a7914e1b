// keel scale: how fast many nodes would train.
#include <fmt/format.h>

#include <iostream>
#include <limits>

#include <algorithm>
#include <memory>
#include <numeric>

#include "cli/app.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "distributed/planning/scale_model.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "train/step_profile.h"

namespace keel::cli {
namespace {

struct Options {
    StepMeasurement step;
    std::vector<int> nodes{1, 2, 4, 8, 16, 32, 64, 128, 256};
    int ranks_per_node = 2, simulated = 200;
    double gbits = 100, latency_us = 2, add_ns = 0.2, stolen = 0;
    double images_per_second = 0;  // 0: as measured
    double skew = -1;              // percent; negative: as measured
    bool no_overlap = false;
};

StepProfile profile_of(const Options& o, const Globals& globals) {
    StepMeasurement what = o.step;
    what.seed = globals.seed.value_or(0);
    Progress progress(std::cerr, "measuring", stderr_progress(globals.quiet));
    StepProfile profile = measure_step(what, [&](int done, double rate) {
        progress.update(done, what.warmup + what.steps, std::numeric_limits<double>::quiet_NaN(), rate);
    });
    progress.finish();
    if (o.images_per_second > 0)
        profile = stretched(profile,
                            static_cast<double>(what.batch) / o.images_per_second / (profile.compute + profile.update));
    if (o.skew >= 0) profile.factors = drawn_factors(o.skew, what.seed);
    return profile;
}

Json assumptions(const Options& o, const StepProfile& p) {
    const std::int64_t bytes = std::accumulate(p.bytes.begin(), p.bytes.end(), std::int64_t{0});
    return {{"threads_measured", thread_count()},
            {"images_per_second_given", o.images_per_second > 0},
            {"compute_ms", 1e3 * p.compute},
            {"update_ms", 1e3 * p.update},
            {"gradient_bytes", bytes},
            {"buckets", p.bytes.size()},
            {"first_bucket_ms", p.ready.empty() ? 0 : 1e3 * p.ready.front()},
            {"skew_percent", spread_of(p.factors)},
            {"skew_given", o.skew >= 0},
            {"ranks_per_node", o.ranks_per_node},
            {"gbits_per_node", o.gbits},
            {"latency_us", o.latency_us},
            {"add_ns_per_byte", o.add_ns},
            {"overlap", !o.no_overlap},
            {"stolen", o.stolen},
            {"steps_simulated", o.simulated}};
}

std::string text_of(const Options& o, const Json& a) {
    const auto number = [&](const char* key) { return a[key].get<double>(); };
    return fmt::format(
        "{}, batch {} a rank at {} pixels, {} ranks a node. Assumed:\n"
        "- a rank computes {:.1f} ms and updates {:.1f} ms a step ({}, {} threads);\n"
        "- steps differ by {:.2f} % ({}), independently of each other: no node is slower than others for good;\n"
        "- {:.1f} MB of gradients in {} buckets, the first full at {:.1f} ms; summed {};\n"
        "- {} Gbit/s for each node, {} us a message, {} ns to add a byte; no other traffic;\n"
        "- input is always ready; sums take {:.0f} % of a rank's speed while they run; batch norms are each rank's "
        "own.\n\n",
        o.step.model, o.step.batch, o.step.image_size, o.ranks_per_node, number("compute_ms"), number("update_ms"),
        a["images_per_second_given"].get<bool>() ? "measured here, scaled to --images-per-second" : "measured here",
        thread_count(), number("skew_percent"), a["skew_given"].get<bool>() ? "given" : "measured here",
        number("gradient_bytes") / 1e6, a["buckets"].get<int>(), number("first_bucket_ms"),
        o.no_overlap ? "after backward" : "while backward goes on", o.gbits, o.latency_us, o.add_ns, 100 * o.stolen);
}

int run(const Options& o, const Globals& globals) {
    for (const int nodes : o.nodes)
        if (nodes < 1 || nodes > 100'000)
            throw UsageError(fmt::format("[scale] nodes: wanted 1 to 100000, got {}", nodes));
    const StepProfile profile = profile_of(o, globals);
    ScaleOptions options{.costs = {.alpha = 1e-6 * o.latency_us, .beta = 8 / (1e9 * o.gbits), .gamma = 1e-9 * o.add_ns},
                         .ranks_per_node = o.ranks_per_node,
                         .overlap = !o.no_overlap,
                         .stolen = o.stolen,
                         .steps = o.simulated,
                         .seed = globals.seed.value_or(0)};
    const Json assumed = assumptions(o, profile);
    Json points = Json::array();
    std::vector<std::vector<std::string>> rows{{"nodes", "ranks", "images/s", "efficiency", "step ms", "compute",
                                                "skew", "sums", "of which hidden", "update"}};
    for (const int nodes : o.nodes) {
        const ScalePoint p = simulate(profile, options, nodes);
        const double images = static_cast<double>(o.step.batch) * p.ranks / p.step;
        const double hidden = p.wire > 0 ? std::max(0.0, 1 - p.exposed / p.wire) : 1;
        points.push_back({{"nodes", p.nodes},
                          {"ranks", p.ranks},
                          {"images_per_second", images},
                          {"efficiency", p.efficiency},
                          {"step_ms", 1e3 * p.step},
                          {"compute_ms", 1e3 * p.compute},
                          {"skew_ms", 1e3 * p.skew},
                          {"exposed_ms", 1e3 * p.exposed},
                          {"sums_ms", 1e3 * p.wire},
                          {"update_ms", 1e3 * p.update}});
        rows.push_back({std::to_string(p.nodes), std::to_string(p.ranks), fmt::format("{:.1f}", images),
                        fmt::format("{:.3f}", p.efficiency), fmt::format("{:.1f}", 1e3 * p.step),
                        fmt::format("{:.1f}", 1e3 * p.compute), fmt::format("{:.1f}", 1e3 * p.skew),
                        fmt::format("{:.1f}", 1e3 * p.wire), fmt::format("{:.0f} %", 100 * hidden),
                        fmt::format("{:.1f}", 1e3 * p.update)});
    }
    const Json object{{"model", o.step.model},
                      {"batch", o.step.batch},
                      {"image_size", o.step.image_size},
                      {"assumptions", assumed},
                      {"points", std::move(points)}};
    print_result(globals, object, text_of(o, assumed) + format_table(rows));
    return kSuccess;
}

}  // namespace

Run add_scale(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<Options>();
    add_list(app, "--nodes", o->nodes, "N,", {.commas = true},
             "numbers of nodes, with commas between them [default 1,2,4,8,16,32,64,128,256]");
    add_text(app, "--model", o->step.model, "NAME", "a model of keel models");
    add_number(app, "--batch", o->step.batch, from_to(1, 4096), "images a step of each rank");
    add_number(app, "--image-size", o->step.image_size, from_to(28, 4096), "side of the images, pixels");
    add_number(app, "--classes", o->step.options.classes, from_to(1, 1'000'000), "outputs of the classifier");
    add_number(app, "--ranks-per-node", o->ranks_per_node, from_to(1, 1024), "ranks a node");
    add_number(app, "--gbits", o->gbits, above(0), "a node's network, Gbit/s, as reached by messages of 256 KB");
    add_number(app, "--latency-us", o->latency_us, at_least(0), "a message from one node to another, microseconds");
    add_number(app, "--add-ns", o->add_ns, at_least(0), "adding a received byte, nanoseconds");
    add_number(app, "--bucket-mb", o->step.bucket_mb, {0, 1024, true, false}, "gradients that go out together, MB");
    add_flag(app, "--no-overlap", o->no_overlap, "sums after backward, not while it goes on");
    add_number(app, "--stolen", o->stolen, from_to_below(0, 1),
               "share of a rank's speed that sums take while they run");
    add_number(app, "--images-per-second", o->images_per_second, at_least(0),
               "what a rank trains alone, where that is known of the nodes meant; 0: what is measured here");
    add_number(app, "--skew", o->skew, from_to(-1, 100),
               "standard deviation of a rank's step times, percent; negative: as measured here");
    add_number(app, "--steps", o->step.steps, from_to(1, 100'000), "steps measured");
    add_number(app, "--simulated", o->simulated, from_to(1, 1'000'000), "steps simulated");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
