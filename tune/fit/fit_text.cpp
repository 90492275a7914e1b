#include "tune/fit/fit_text.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "engine/text.h"
#include "tune/fit/records.h"

namespace keel::fit {
namespace {

std::string range_text(const std::optional<Interval>& interval) {
    return interval ? fmt::format(" ({:.4f} to {:.4f})", interval->low, interval->high) : "";
}

const std::vector<Measured>& measured_of(const FitResult& result) { return result.search.known.measured; }

Json miss_json(const Miss& miss) {
    return {{"limit", miss.what},
            {"value", miss.value},
            {"wanted", miss.limit},
            {"share", miss.share},
            {"text", text_of(miss)}};
}

Json limits_json(const Limits& limits) {
    const auto number = [](const std::optional<double>& limit) { return limit ? Json(*limit) : Json(nullptr); };
    return {{"max_drop", limits.max_drop},
            {"sure", limits.sure},
            {"min_images_per_second", number(limits.min_images_per_second)},
            {"max_latency_ms", number(limits.max_latency_ms)},
            {"max_mb", number(limits.max_mb)},
            {"max_memory_mb", number(limits.max_memory_mb)}};
}

Json candidate_json(const Measured& measured, const Limits& limits) {
    const Candidate& c = measured.candidate;
    Json json{{"name", name_of(c)},
              {"model", c.body.model},
              {"image_size", c.body.image_size},
              {"keep", c.body.keep},
              {"form", name(c.form)},
              {"layers_in_f32", c.kept},
              {"trained", c.body.making != Making::as_is}};
    if (!measured.figures) {
        json["failure"] = measured.failure;
        return json;
    }
    const Figures& f = *measured.figures;
    json.update(to_json(Accuracy{f.metric, f.interval, f.drop, f.drop_interval}));
    json.update(to_json(f.speed));
    json["megabytes"] = f.megabytes;
    json["misses"] = Json::array();
    for (const Miss& miss : misses_of(f, limits)) json["misses"].push_back(miss_json(miss));
    return json;
}

std::vector<std::string> names_of(const FitResult& result, const std::vector<std::size_t>& indices) {
    std::vector<std::string> names;
    for (const std::size_t i : indices) names.push_back(name_of(measured_of(result)[i].candidate));
    return names;
}

std::string wish_text(const std::optional<Wish>& wish) {
    return wish && wish->relative ? fmt::format(" ({:g}x)", wish->value) : "";
}

/// How a model is run that its file does not say.
std::string use_text(const Candidate& candidate) {
    return candidate.form == Form::bf16 ? "; it is run with --precision bf16" : "";
}

std::string table_of(const FitResult& result) {
    const Frontier& first = frontiers()[first_frontier(result)];
    const std::vector<std::size_t> frontier = frontier_of(measured_of(result), first.cost);
    const std::set<std::size_t> best(frontier.begin(), frontier.end());
    std::vector<std::vector<std::string>> rows{
        {"model", "", result.metric, "drop", "95 % of it", "images/s", "ms", "MB", "memory, MB"}};
    const auto& all = measured_of(result);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const std::string mark = result.search.verdict.chosen == i ? "chosen" : best.contains(i) ? "*" : "";
        if (!all[i].figures) {
            rows.push_back({name_of(all[i].candidate), "failed", "", "", "", "", "", "", ""});
            continue;
        }
        const Figures& f = *all[i].figures;
        rows.push_back(
            {name_of(all[i].candidate), mark, fmt::format("{:.4f}", f.metric), fmt::format("{:.4f}", f.drop),
             f.drop_interval ? fmt::format("{:.4f} to {:.4f}", f.drop_interval->low, f.drop_interval->high) : "",
             fmt::format("{:.1f}", f.speed.images_per_second), fmt::format("{:.2f}", f.speed.latency_ms),
             fmt::format("{:.2f}", f.megabytes), fmt::format("{:.0f}", f.speed.memory_mb)});
    }
    return format_table(rows) + fmt::format("*: on the frontier of {} and {}\n", result.metric, first.name);
}

}  // namespace

const std::vector<Frontier>& frontiers() {
    static const std::vector<Frontier> all{
        {"images per second", "images per second", [](const Figures& f) { return -f.speed.images_per_second; },
         [](const Figures& f) { return f.speed.images_per_second; }},
        {"latency", "ms an image", [](const Figures& f) { return f.speed.latency_ms; },
         [](const Figures& f) { return f.speed.latency_ms; }},
        {"size of the file", "MB", [](const Figures& f) { return f.megabytes; },
         [](const Figures& f) { return f.megabytes; }},
        {"memory", "MB", [](const Figures& f) { return f.speed.memory_mb; },
         [](const Figures& f) { return f.speed.memory_mb; }}};
    return all;
}

std::size_t first_frontier(const FitResult& result) {
    const Limits& limits = result.search.limits;
    if (limits.min_images_per_second) return 0;
    if (limits.max_latency_ms) return 1;
    if (limits.max_mb) return 2;
    return limits.max_memory_mb ? 3 : 0;
}

std::string text_of(const Figures& f, const std::string& metric) {
    return fmt::format("{} {:.4f}, drop {:.4f}{}, {:.1f} images/s, {:.2f} ms an image, {:.2f} MB, {:.0f} MB of memory",
                       metric, f.metric, f.drop, range_text(f.drop_interval), f.speed.images_per_second,
                       f.speed.latency_ms, f.megabytes, f.speed.memory_mb);
}

std::vector<std::pair<Candidate, std::string>> left_out_of(const FitResult& result) {
    const SearchResult& search = result.search;
    return left_out(search.stages, search.known, search.limits, search.options);
}

std::string limits_text(const FitResult& result) {
    const Limits& limits = result.search.limits;
    std::string text =
        fmt::format("{} at most {:.4f}", limits.sure ? "drop, with its interval," : "drop", limits.max_drop);
    if (const auto& least = limits.min_images_per_second)
        text += fmt::format("; at least {:.1f} images per second{}", *least,
                            wish_text(result.wishes.min_images_per_second));
    if (const auto& most = limits.max_latency_ms)
        text += fmt::format("; at most {:.2f} ms an image{}", *most, wish_text(result.wishes.max_latency_ms));
    if (const auto& most = limits.max_mb)
        text += fmt::format("; a file of at most {:.2f} MB{}", *most, wish_text(result.wishes.max_mb));
    if (const auto& most = limits.max_memory_mb)
        text += fmt::format("; at most {:.0f} MB of memory{}", *most, wish_text(result.wishes.max_memory_mb));
    return text;
}

std::string verdict_text(const FitResult& result) {
    const Verdict& verdict = result.search.verdict;
    const auto& all = measured_of(result);
    if (verdict.chosen) {
        const Measured& chosen = all[*verdict.chosen];
        std::string text =
            fmt::format("chosen: {}: {}\nit is in {}{}\n", name_of(chosen.candidate),
                        text_of(*chosen.figures, result.metric), result.model.string(), use_text(chosen.candidate));
        const auto& interval = chosen.figures->drop_interval;
        if (!result.search.limits.sure && interval && interval->high > result.search.limits.max_drop)
            text += fmt::format(
                "on these {} samples the drop may be as large as {:.4f}; --sure asks for a model whose "
                "interval keeps to the limit\n",
                result.split, interval->high);
        if (result.test)
            text += fmt::format("on the test split, which nothing was chosen by: {} {:.4f}{}, drop {:.4f}{}\n",
                                result.metric, result.test->metric, range_text(result.test->interval),
                                result.test->drop, range_text(result.test->drop_interval));
        return text;
    }
    std::string text = "nothing keeps to all limits";
    text += result.search.out_of_time ? " so far; time was out, and --resume auto goes on\n" : "\n";
    if (!verdict.nearest) return text;
    text += fmt::format("nearest: {}: {}\n", name_of(all[*verdict.nearest].candidate),
                        text_of(*all[*verdict.nearest].figures, result.metric));
    for (const Miss& miss : verdict.misses) text += "  " + text_of(miss) + "\n";
    return text;
}

Json to_json(const FitResult& result) {
    const auto& all = measured_of(result);
    const Verdict& verdict = result.search.verdict;
    Json json{{"checkpoint", result.checkpoint}, {"data", result.data},   {"split", result.split},
              {"metric", result.metric},         {"batch", result.batch}, {"measured_on", result.conditions}};
    json["limits"] = limits_json(result.search.limits);
    json["chosen"] = verdict.chosen ? Json(name_of(all[*verdict.chosen].candidate)) : Json(nullptr);
    json["model"] = verdict.chosen ? Json(result.model.string()) : Json(nullptr);
    json["nearest"] = verdict.nearest ? Json(name_of(all[*verdict.nearest].candidate)) : Json(nullptr);
    json["misses"] = Json::array();
    for (const Miss& miss : verdict.misses) json["misses"].push_back(miss_json(miss));
    json["test"] = result.test ? to_json(*result.test) : Json(nullptr);
    json["satisfying"] = names_of(result, verdict.satisfying);
    for (const Frontier& frontier : frontiers())
        json["frontier"][frontier.name] = names_of(result, frontier_of(all, frontier.cost));
    json["candidates"] = Json::array();
    for (const Measured& measured : all) json["candidates"].push_back(candidate_json(measured, result.search.limits));
    json["left_out"] = Json::object();
    for (const auto& [candidate, why] : left_out_of(result)) json["left_out"][name_of(candidate)] = why;
    json["out_of_time"] = result.search.out_of_time;
    json["notes"] = result.notes;
    return json;
}

std::string to_text(const FitResult& result) {
    std::string text = fmt::format("{} on {} ({} split); {}\nwanted: {}\n\n", result.checkpoint, result.data,
                                   result.split, result.conditions, limits_text(result));
    text += table_of(result) + "\n";
    for (const Measured& measured : measured_of(result))
        if (!measured.figures) text += fmt::format("{} failed: {}\n", name_of(measured.candidate), measured.failure);
    for (const std::string& note : result.notes) text += note + "\n";
    return text + verdict_text(result);
}

}  // namespace keel::fit
