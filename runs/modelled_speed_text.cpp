#include "runs/modelled_speed_text.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/text.h"

namespace keel {
namespace {

using speed::ModelledSpan;

/// What spans of a kind, or of a layer, add up to.
struct Sums {
    int calls = 0;
    double seconds = 0, compute = 0, memory = 0, measured = 0, peak = 0, flops = 0, working = 0;

    void add(const ModelledSpan& span) {
        ++calls;
        seconds += span.seconds;
        compute += span.compute;
        memory += span.memory;
        measured += span.measured;
        peak += span.peak;
        if (span.algorithm.empty()) return;
        flops += span.cost.flops;
        working += span.cost.flops * span.share;
    }

    Json json(bool measured_too) const {
        Json result{
            {"calls", calls}, {"ms", 1e3 * seconds}, {"compute_ms", 1e3 * compute}, {"memory_ms", 1e3 * memory}};
        if (flops > 0) {
            result["share_of_peak"] = seconds > 0 ? peak / seconds : 0;
            result["team_share"] = working / flops;
        }
        if (measured_too) result["measured_ms"] = 1e3 * measured;
        return result;
    }
};

std::string kind_of(const ModelledSpan& span) {
    return span.algorithm.empty() ? span.kind : span.kind + ", " + span.algorithm;
}

/// Keeps the order in which keys came first.
class Groups {
public:
    Sums& operator[](const std::string& key) {
        const auto [entry, added] = at_.try_emplace(key, all_.size());
        if (added) all_.emplace_back(key, Sums{});
        return all_[entry->second].second;
    }
    const std::vector<std::pair<std::string, Sums>>& all() const { return all_; }

private:
    std::map<std::string, std::size_t> at_;
    std::vector<std::pair<std::string, Sums>> all_;
};

Json layer_json(const ModelledSpan& span, bool measured_too) {
    Sums sums;
    sums.add(span);
    Json row{{"layer", span.layer},
             {"pass", span.pass == profile::Pass::backward ? "backward" : "forward"},
             {"kind", span.kind}};
    row.update(sums.json(measured_too));
    row.erase("calls");
    if (span.algorithm.empty()) return row;
    const kernels::Conv2dGeometry& g = span.cost.conv->geometry;
    row["algorithm"] = span.algorithm;
    row["chunks"] = span.chunks;
    row["shape"] = fmt::format("{}x{} s{} {}x{} {}-{}", g.kh, g.kw, g.stride_h, g.ih, g.iw, g.ic, g.oc);
    return row;
}

Json assumptions(const speed::Node& node) {
    return {{"isa", node.isa.name},
            {"cores", node.cores},
            {"ghz", node.ghz},
            {"operations_a_cycle",
             {{"f32", node.rates.f32},
              {"bf16", node.rates.bf16},
              {"int8", node.rates.int8},
              {"bf16_tiles", node.rates.bf16_tiles},
              {"int8_tiles", node.rates.int8_tiles}}},
            {"l2_mb", node.l2 / 1048576},
            {"l3_mb", node.l3 / 1048576},
            {"l2_bytes_a_cycle", node.rates.l2_bytes},
            {"l3_bytes_a_cycle", node.rates.l3_bytes},
            {"memory_gbs_core", node.core_gbs},
            {"memory_gbs", node.node_gbs},
            {"region_us", node.region_us}};
}

std::string cell(const Json& row, const char* key, double scale, const char* format) {
    return row.contains(key) ? fmt::format(fmt::runtime(format), scale * row[key].get<double>()) : std::string();
}

std::vector<std::string> figures_of(const Json& row) {
    return {cell(row, "ms", 1, "{:.3f}"),
            cell(row, "compute_ms", 1, "{:.3f}"),
            cell(row, "memory_ms", 1, "{:.3f}"),
            cell(row, "team_share", 100, "{:.0f}"),
            cell(row, "share_of_peak", 100, "{:.0f}"),
            cell(row, "measured_ms", 1, "{:.3f}")};
}

std::vector<std::string> headed(std::vector<std::string> first, bool measured) {
    for (const char* name : {"model ms", "compute", "memory", "team %", "peak %"}) first.emplace_back(name);
    first.emplace_back(measured ? "measured ms" : "");
    return first;
}

}  // namespace

Json modelled_json(const ModelledSpeed& speed, const StepTimingOptions& o) {
    const bool here = speed.step_measured > 0;
    Groups kinds;
    Sums all;
    Json layers = Json::array(), by_kind = Json::array();
    for (const ModelledSpan& span : speed.step.spans) {
        all.add(span);
        kinds[kind_of(span)].add(span);
        if (span.seconds > 0 && span.kind != profile::kEngine) layers.push_back(layer_json(span, here));
    }
    for (const auto& [kind, sums] : kinds.all()) {
        Json row{{"kind", kind}};
        row.update(sums.json(here));
        by_kind.push_back(std::move(row));
    }
    Json result{{"is_a_model", true},
                {"model_of", speed.node.name},
                {"processor", speed.node.title},
                {"assumptions", assumptions(speed.node)},
                {"model", o.model},
                {"mode", o.mode},
                {"precision", speed.precision},
                {"batch", o.batch},
                {"image_size", o.image_size},
                {"threads", speed.options.threads},
                {"step_ms", 1e3 * speed.step.seconds},
                {"images_per_second", static_cast<double>(o.batch) / speed.step.seconds},
                {"share_of_peak", all.peak / speed.step.seconds},
                {"team_share", all.flops > 0 ? all.working / all.flops : 1.0}};
    if (here) {
        result["measured_ms"] = 1e3 * speed.step.measured;
        result["measured_step_ms"] = 1e3 * speed.step_measured;
    }
    result["kinds"] = std::move(by_kind);
    result["layers"] = std::move(layers);
    return result;
}

std::string modelled_text(const Json& f, bool layers) {
    const auto number = [&](const char* key) { return f[key].get<double>(); };
    const auto text = [&](const char* key) { return f[key].get<std::string>(); };
    const bool here = f.contains("measured_ms");
    std::string result = fmt::format(
        "A MODEL, not a measurement: {} {} {}batch {} at {} on {} threads of {} at {:.2f} GHz, {}: {:.2f} img/s, step "
        "{:.2f} ms, {:.0f} % of the published rate, {:.0f} % of the team works{}\n\n",
        text("model"), text("mode"), text("mode") == "int8" ? "" : text("precision") + " ", f["batch"].get<int>(),
        f["image_size"].get<int>(), f["threads"].get<int>(), text("processor"), f["assumptions"]["ghz"].get<double>(),
        f["assumptions"]["isa"].get<std::string>(), number("images_per_second"), number("step_ms"),
        100 * number("share_of_peak"), 100 * number("team_share"),
        here ? fmt::format("; measured, each span at its best of the steps: {:.2f} ms, the best step {:.2f} ms",
                           number("measured_ms"), number("measured_step_ms"))
             : "");
    std::vector<std::vector<std::string>> rows{headed({"kind of work", "calls"}, here)};
    const auto append = [](std::vector<std::string> row, const Json& figures) {
        for (std::string& value : figures_of(figures)) row.push_back(std::move(value));
        return row;
    };
    for (const Json& kind : f["kinds"])
        rows.push_back(append({kind["kind"].get<std::string>(), fmt::format("{}", kind["calls"].get<int>())}, kind));
    result += format_table(rows);
    if (!layers) return result;
    rows = {headed({"layer", "pass", "work", "shape", "chunks"}, here)};
    for (const Json& l : f["layers"])
        rows.push_back(append({l["layer"].get<std::string>(), l["pass"].get<std::string>(),
                               l.value("algorithm", l["kind"].get<std::string>()), l.value("shape", std::string()),
                               l.contains("chunks") ? fmt::format("{}", l["chunks"].get<int>()) : std::string()},
                              l));
    return result + "\n" + format_table(rows);
}

}  // namespace keel
