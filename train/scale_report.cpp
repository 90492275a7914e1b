#include "train/scale_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "engine/precision.h"
#include "engine/text.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "train/modelled_speed.h"

namespace keel {
namespace {

/// The factors of all that was measured.
std::vector<double> factors_of(const StepProfile& profile) {
    std::vector<double> factors = profile.groups.empty() ? profile.factors : std::vector<double>();
    for (const MeasuredRanks& ranks : profile.groups)
        for (const auto& rank : ranks)
            for (const MeasuredStep& step : rank) factors.push_back(step.factor);
    return factors;
}

std::size_t traced_count(const StepProfile& profile) {
    return std::accumulate(profile.groups.begin(), profile.groups.end(), std::size_t{0},
                           [](std::size_t sum, const MeasuredRanks& ranks) { return sum + ranks.size(); });
}

Json assumptions(const ScaleQuestion& q, const StepProfile& p) {
    const ScaleMachine& m = q.machine;
    const std::int64_t bytes = std::accumulate(p.bytes.begin(), p.bytes.end(), std::int64_t{0});
    return {{"machine", m.name},
            {"threads_measured", thread_count()},
            {"images_per_second_given", m.images_per_second > 0 && q.modelled == 0},
            {"modelled_of", m.processor},
            {"precision", q.precision},
            {"wire", q.wire},
            {"compute_ms", 1e3 * p.compute},
            {"update_ms", 1e3 * p.update},
            {"gradient_bytes", bytes},
            {"buckets", p.bytes.size()},
            {"first_bucket_ms", p.ready.empty() ? 0 : 1e3 * p.ready.front()},
            {"skew_percent", spread_of(factors_of(p))},
            {"skew_given", q.skew_given},
            {"ranks_traced", traced_count(p)},
            {"ranks_per_node", m.ranks_per_node},
            {"gbits_per_node", 8e-9 / m.costs.beta},
            {"latency_us", 1e6 * m.costs.alpha},
            {"add_ns_per_byte", 1e9 * m.costs.gamma},
            {"node_wait_us", 1e6 * m.costs.node_alpha},
            {"node_sum_ns_per_byte", 1e9 * m.costs.node_gamma},
            {"overlap", q.overlap},
            {"stolen", m.stolen},
            {"input_images_per_second", m.input_images_per_second},
            {"checkpoint_seconds", m.failures.checkpoint},
            {"checkpoint_every_seconds", m.failures.checkpoint_every},
            {"node_mtbf_hours", m.failures.node_mtbf_hours},
            {"restart_seconds", m.failures.restart},
            {"hours", m.failures.hours},
            {"steps_simulated", q.simulated}};
}

Json point_of(const StepProfile& profile, const ScaleQuestion& q, const ScaleOptions& options, int nodes) {
    const ScalePoint p = simulate(profile, options, nodes);
    const UsefulShare useful = useful_share(q.machine.failures, nodes);
    const double images = static_cast<double>(q.step.batch) * p.ranks / p.step;
    return {{"nodes", p.nodes},
            {"ranks", p.ranks},
            {"images_per_second", images},
            {"efficiency", p.efficiency},
            {"step_ms", 1e3 * p.step},
            {"compute_ms", 1e3 * p.compute},
            {"input_ms", 1e3 * p.input},
            {"skew_ms", 1e3 * p.skew},
            {"exposed_ms", 1e3 * p.exposed},
            {"sums_ms", 1e3 * p.wire},
            {"update_ms", 1e3 * p.update},
            {"useful_share", useful.share},
            {"useful_images", images * useful.share * q.machine.failures.hours * 3600},
            {"failures", useful.failures},
            {"checkpoint_every_seconds", useful.checkpoint_every}};
}

/// What becomes of a long run.
std::string failure_text(const Json& a) {
    const auto number = [&](const char* key) { return a[key].get<double>(); };
    const std::string fails = number("node_mtbf_hours") > 0
                                  ? fmt::format("a node fails once in {:g} hours, a start takes {:g} s",
                                                number("node_mtbf_hours"), number("restart_seconds"))
                                  : "no node fails (failures.node_mtbf_hours)";
    return fmt::format("{}; a checkpoint takes {:g} s, {}: useful is what of {:g} hours trains and lasts", fails,
                       number("checkpoint_seconds"),
                       number("checkpoint_every_seconds") > 0
                           ? fmt::format("every {:g} s", number("checkpoint_every_seconds"))
                           : "as often as loses least",
                       number("hours"));
}

std::string rank_text(const Json& a) {
    const auto number = [&](const char* key) { return a[key].get<double>(); };
    const auto traced = a["ranks_traced"].get<int>();
    return fmt::format(
        "- a rank computes {:.1f} ms and updates {:.1f} ms a step in {} ({}, {} threads);\n"
        "- steps differ by {:.2f} % ({}), {};\n",
        number("compute_ms"), number("update_ms"), a["precision"].get<std::string>(),
        !a["modelled_of"].get<std::string>().empty()
            ? fmt::format("a MODEL of {}, keel bench --model-of; buckets as measured here",
                          a["modelled_of"].get<std::string>())
        : a["images_per_second_given"].get<bool>() ? "measured here, scaled to the images a second that are given"
        : traced > 0                               ? "as the traces have it"
                                                   : "measured here",
        a["threads_measured"].get<int>(), number("skew_percent"),
        a["skew_given"].get<bool>() ? "given"
        : traced > 0                ? "traced"
                                    : "measured here",
        traced > 0 ? fmt::format("as {} ranks did together, the slower ones for good", traced)
                   : "independently of each other: no node is slower than others for good (--traces)");
}

std::string assumptions_text(const Json& report) {
    const Json& a = report["assumptions"];
    const auto number = [&](const char* key) { return a[key].get<double>(); };
    return fmt::format(
        "{}, batch {} a rank at {} pixels, {} ranks a node, {}. Assumed:\n{}"
        "- {:.1f} MB of gradients in {} buckets, the first full at {:.1f} ms; summed {}, in {} on the wire;\n"
        "- {:g} Gbit/s for each node, {:g} us a message, {:g} ns to add a byte; no other traffic;\n"
        "- {}; sums take {:.0f} % of a rank's speed while they run; batch norms are each rank's own;\n"
        "- {}.\n\n",
        report["model"].get<std::string>(), report["batch"].get<int>(), report["image_size"].get<int>(),
        a["ranks_per_node"].get<int>(), a["machine"].get<std::string>(), rank_text(a), number("gradient_bytes") / 1e6,
        a["buckets"].get<int>(), number("first_bucket_ms"),
        a["overlap"].get<bool>() ? "while backward goes on" : "after backward", a["wire"].get<std::string>(),
        number("gbits_per_node"), number("latency_us"), number("add_ns_per_byte"),
        number("input_images_per_second") > 0
            ? fmt::format("a node reads {:g} images a second", number("input_images_per_second"))
            : "input is always ready",
        100 * number("stolen"), failure_text(a));
}

}  // namespace

void settle_precision(ScaleQuestion& q, bool traced) {
    if (q.machine.processor.empty()) {
        const bool known = traced || q.machine.images_per_second > 0 || q.machine.bf16_speedup > 0;
        if (q.precision == "bf16" && !known && multiplies_bf16()) q.step.precision = "bf16";
        return;
    }
    constexpr int kSockets = 2;
    const speed::Node node = speed::node_named(q.machine.processor);
    StepTimingOptions timing{.model = q.step.model, .options = q.step.options};
    timing.precision = q.precision;
    timing.batch = q.step.batch;
    timing.image_size = q.step.image_size;
    timing.seed = q.step.seed;
    World world([] { return std::shared_ptr<Communicator>(self_communicator()); });
    const std::int64_t threads = std::max(1, kSockets * node.cores / q.machine.ranks_per_node);
    q.modelled = model_speed({timing, q.machine.processor, threads}, world).step.seconds;
}

StepProfile scaled_profile(const StepProfile& measured, std::vector<TracedRanks> traces, const ScaleQuestion& q) {
    StepProfile profile = measured;
    if (!traces.empty()) {
        double seconds = 0;
        for (const TracedRanks& trace : traces) seconds += trace.seconds / static_cast<double>(traces.size());
        profile = stretched(profile, seconds / (profile.compute + profile.update));
        for (TracedRanks& trace : traces) {
            for (auto& rank : trace.ranks)
                for (MeasuredStep& step : rank) step.factor *= trace.seconds / seconds;
            profile.groups.push_back(std::move(trace.ranks));
        }
    }
    if (q.modelled > 0) return stretched(profile, q.modelled / (profile.compute + profile.update));
    const double rate = q.machine.images_per_second;
    if (rate > 0)
        profile = stretched(profile, static_cast<double>(q.step.batch) / rate / (profile.compute + profile.update));
    const bool measured_so = q.step.precision == q.precision;
    if (!measured_so && q.machine.bf16_speedup == 0)
        throw UsageError(
            "[scale] --precision bf16 wants a --machine file whose rank.bf16_speedup says how much faster a step is by "
            "it, or --model-of with a processor whose speed is modelled; it is measured where this processor "
            "multiplies bf16 and nothing else says how long ranks take");
    return !measured_so ? stretched(profile, 1 / q.machine.bf16_speedup) : profile;
}

Json scale_report(const StepProfile& profile, const ScaleQuestion& q) {
    const double input = q.machine.input_images_per_second;
    const ScaleOptions options{
        .costs = q.machine.costs,
        .ranks_per_node = q.machine.ranks_per_node,
        .overlap = q.overlap,
        .stolen = q.machine.stolen,
        .wire_bytes = q.wire == "bf16" ? 2.0 : 4.0,
        .input = input > 0 ? static_cast<double>(q.step.batch) * q.machine.ranks_per_node / input : 0,
        .steps = q.simulated,
        .seed = q.step.seed};
    Json points = Json::array();
    for (const int nodes : q.nodes) points.push_back(point_of(profile, q, options, nodes));
    return {{"model", q.step.model},
            {"batch", q.step.batch},
            {"image_size", q.step.image_size},
            {"assumptions", assumptions(q, profile)},
            {"points", std::move(points)}};
}

std::string scale_text(const Json& report) {
    std::vector<std::vector<std::string>> rows{{"nodes", "ranks", "images/s", "efficiency", "step ms", "compute",
                                                "input", "skew", "sums", "of which hidden", "update", "useful"}};
    for (const Json& point : report["points"]) {
        const auto number = [&](const char* key) { return point[key].get<double>(); };
        const auto ms = [&](const char* key) { return fmt::format("{:.1f}", number(key)); };
        const double sums = number("sums_ms");
        const double hidden = sums > 0 ? std::max(0.0, 1 - number("exposed_ms") / sums) : 1;
        rows.push_back({std::to_string(point["nodes"].get<int>()), std::to_string(point["ranks"].get<int>()),
                        ms("images_per_second"), fmt::format("{:.3f}", number("efficiency")), ms("step_ms"),
                        ms("compute_ms"), ms("input_ms"), ms("skew_ms"), ms("sums_ms"),
                        fmt::format("{:.0f} %", 100 * hidden), ms("update_ms"),
                        fmt::format("{:.1f} %", 100 * number("useful_share"))});
    }
    return assumptions_text(report) + format_table(rows);
}

}  // namespace keel
