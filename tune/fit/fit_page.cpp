#include "tune/fit/fit_page.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "runs/report/marks.h"
#include "runs/report/page.h"
#include "runs/report/plot.h"
#include "tune/fit/fit_text.h"

namespace keel::fit {
namespace {

using report::escape, report::number;

/// The limit of a frontier's axis, NaN where there is none.
double limit_of(const Limits& limits, std::size_t frontier) {
    const std::optional<double>* const all[] = {&limits.min_images_per_second, &limits.max_latency_ms, &limits.max_mb,
                                                &limits.max_memory_mb};
    return all[frontier]->value_or(std::numeric_limits<double>::quiet_NaN());
}

/// The frontier as a line, what it beats as dots, what was chosen on its own, the limits as lines.
std::string frontier_figure(const FitResult& result, std::size_t index) {
    const Frontier& frontier = frontiers()[index];
    const auto& all = result.search.known.measured;
    const std::vector<std::size_t> best = frontier_of(all, frontier.cost);
    report::Plot plot{.x = {.label = frontier.unit, .logarithmic = true}, .y = {.label = result.metric}};
    double low = 1, high = 0;
    const auto add = [&](report::Series& series, std::size_t i) {
        series.x.push_back(frontier.shown(*all[i].figures));
        series.y.push_back(all[i].figures->metric);
    };
    report::Series line{"frontier", {}, {}, 0};
    for (const std::size_t i : best) add(line, i);
    plot.series.push_back(std::move(line));
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!all[i].figures) continue;
        low = std::min(low, all[i].figures->metric);
        high = std::max(high, all[i].figures->metric);
        const bool chosen = result.search.verdict.chosen == i;
        if (!chosen && std::ranges::find(best, i) != best.end()) continue;
        report::Series dot{name_of(all[i].candidate), {}, {}, chosen ? 2 : 1};
        add(dot, i);
        plot.series.push_back(std::move(dot));
    }
    if (const double limit = limit_of(result.search.limits, index); limit > 0)
        plot.series.push_back({"limit", {limit, limit}, {low, high}, 5, true});
    plot.level = all.front().figures->metric - result.search.limits.max_drop;
    return report::figure(fmt::format("{} against {}; dashed: the checkpoint's less the drop that is allowed",
                                      result.metric, frontier.name),
                          {"frontier", "beaten by another", "chosen"}, report::to_svg(plot));
}

std::string drop_cell(const Figures& f, const Limits& limits, bool chosen) {
    if (!f.drop_interval) return "";
    const double reach = std::max(2 * limits.max_drop, 0.01);
    return report::interval(f.drop, f.drop_interval->low, f.drop_interval->high, -reach, reach, limits.max_drop,
                            chosen ? 2 : 0);
}

std::string range_cell(double value, double low, double high, int digits) {
    return fmt::format("{} ({} – {})", number(value, digits), number(low, digits), number(high, digits));
}

std::string candidates_table(const FitResult& result) {
    const Limits& limits = result.search.limits;
    std::vector<std::vector<std::string>> rows{{"model", escape(result.metric), "drop", "", "images/s (rounds)",
                                                "ms an image (rounds)", "file, MB", "memory, MB", "misses"}};
    const auto& all = result.search.known.measured;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const bool chosen = result.search.verdict.chosen == i;
        const std::string name = escape(name_of(all[i].candidate));
        auto& row = rows.emplace_back(1, chosen ? "<b>" + name + "</b>, chosen" : name);
        if (!all[i].figures) {
            row.insert(row.end(), {"–", "–", "", "–", "–", "–", "–", escape("failed: " + all[i].failure)});
            continue;
        }
        const Figures& f = *all[i].figures;
        std::string misses;
        for (const Miss& miss : misses_of(f, limits)) misses += (misses.empty() ? "" : ", ") + miss.what;
        row.insert(row.end(), {number(f.metric), number(f.drop), drop_cell(f, limits, chosen),
                               range_cell(f.speed.images_per_second, f.speed.rate_low, f.speed.rate_high, 1),
                               range_cell(f.speed.latency_ms, f.speed.latency_low, f.speed.latency_high, 2),
                               number(f.megabytes, 2), number(f.speed.memory_mb, 0),
                               misses.empty() ? "" : "<span class=\"bad\">" + escape(misses) + "</span>"});
    }
    return report::table(rows) +
           report::note(
               "A drop's interval is of 95 %, by a bootstrap over patients in which both models see the same; "
               "its mark is the drop that is allowed. Speeds are medians of rounds, each a process of its own.");
}

std::string left_out_table(const FitResult& result) {
    std::vector<std::vector<std::string>> rows{{"model", "why"}};
    for (const auto& [candidate, why] : left_out_of(result)) rows.push_back({escape(name_of(candidate)), escape(why)});
    return rows.size() == 1 ? report::note("Nothing.") : report::table(rows, "words");
}

std::string lines(const std::string& text) {
    std::istringstream stream(text);
    std::string html;
    for (std::string line; std::getline(stream, line);) html += "<p>" + escape(line) + "</p>\n";
    return html;
}

}  // namespace

std::string page_of(const FitResult& result) {
    std::string body = fmt::format("<h1>{}</h1>\n<p class=\"sub\">{} ({} split); {}; {} images at a time</p>\n",
                                   escape(result.checkpoint), escape(result.data), escape(result.split),
                                   escape(result.conditions), result.batch);
    body += report::section("Verdict", report::note("wanted: " + limits_text(result)) + lines(verdict_text(result)));
    std::string plots = "<div class=\"grid\">\n";
    for (std::size_t i = 0; i < frontiers().size(); ++i) plots += frontier_figure(result, i);
    body += report::section("Frontiers", plots + "</div>\n");
    body += report::section("Candidates", candidates_table(result));
    body += report::section("Not measured", left_out_table(result));
    if (!result.notes.empty()) {
        std::string notes;
        for (const std::string& note : result.notes) notes += report::note(note);
        body += report::section("Notes", notes);
    }
    return report::page("fit – Keel", body);
}

}  // namespace keel::fit
