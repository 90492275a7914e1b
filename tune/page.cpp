// report.html of a search.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "runs/energy/energy_meter.h"
#include "runs/report/page.h"
#include "runs/report/plot.h"
#include "runs/report/sections.h"
#include "tune/importance.h"
#include "tune/results.h"
#include "tune/search.h"

namespace keel::tune {
namespace {

using namespace report;

constexpr double kNoValue = std::numeric_limits<double>::quiet_NaN();
constexpr double kHour = 3600, kKwh = 3.6e6;
constexpr std::size_t kMostLines = 300, kMostRows = 1000;

constexpr std::string_view kImportanceNote =
    "The share of the variance of the trials' ranks at the first rung that a parameter alone explains, less what as "
    "many "
    "groups of anything would; the trials fall into groups by its choices, or the quarters of its values. What "
    "parameters do together is in none of the shares.";

std::string score_name(const SearchFacts& facts) { return facts.plan.metric == "auto" ? "score" : facts.plan.metric; }

std::string tiles_html(const SearchFacts& facts, const std::vector<TrialRow>& rows, bool estimated) {
    const auto best = best_trial(facts);
    const double score = best ? rows[static_cast<std::size_t>(*best)].score : kNoValue;
    const auto failed = std::ranges::count_if(rows, [](const TrialRow& row) { return !row.message.empty(); });
    return tiles({{number(score), "best " + score_name(facts)},
                  {best ? fmt::format("{}", *best) : "–", "its trial"},
                  {fmt::format("{}", rows.size()), "trials"},
                  {fmt::format("{}", failed), "of them failed"},
                  {number(facts.spent.core_seconds / kHour, 2), "core hours"},
                  {duration(facts.spent.seconds), "something ran"},
                  {energy_text(facts.spent.joules, false), estimated ? "energy (estimate)" : "energy"}});
}

struct Dot {
    double x, y;
};

/// Dots that no line connects, in series of as many as a plot marks.
void add_dots(Plot& plot, const std::string& name, int color, const std::vector<Dot>& dots) {
    constexpr std::size_t kMarked = 50;  // each with a gap behind it
    for (std::size_t i = 0; i < dots.size(); ++i) {
        if (i % kMarked == 0) plot.series.push_back({.name = name, .color = color});
        Series& series = plot.series.back();
        series.x.insert(series.x.end(), {dots[i].x, kNoValue});
        series.y.insert(series.y.end(), {dots[i].y, kNoValue});
    }
}

/// The best until then, and each outcome, against the core hours of all that came before.
std::string course_html(const SearchFacts& facts) {
    Series best{.name = "best so far"};
    std::vector<Dot> outcomes;
    double hours = 0, top = kNoValue;
    for (const Job& job : facts.order) {
        const Outcome& outcome = facts.outcomes.at(job);
        hours += outcome.core_seconds / kHour;
        if (outcome.ending != Ending::complete || std::isnan(outcome.score)) continue;
        outcomes.push_back({hours, outcome.score});
        const bool better = facts.plan.minimizes() ? outcome.score < top : outcome.score > top;
        const double before = std::exchange(top, better || std::isnan(top) ? outcome.score : top);
        best.x.insert(best.x.end(), {hours, hours});
        best.y.insert(best.y.end(), {before, top});
    }
    if (outcomes.empty()) return note("No trial has a score yet.");
    Plot plot{.x = {.label = "core hours"}, .y = {.label = score_name(facts)}, .series = {best}, .width = 720};
    add_dots(plot, "outcomes", 1, outcomes);
    return figure("The best score as the search went, and the scores that trials had at their rungs",
                  {"best so far", "outcomes"}, to_svg(plot));
}

/// Where a value lies between the ends of its parameter, 0 to 1.
double height_of(const Parameter& parameter, double value) {
    if (parameter.is_choice())
        return parameter.choices.size() < 2 ? 0.5 : value / static_cast<double>(parameter.choices.size() - 1);
    if (parameter.logarithmic) return std::log(value / parameter.low) / std::log(parameter.high / parameter.low);
    return (value - parameter.low) / (parameter.high - parameter.low);
}

/// Rows with a score, the best first.
std::vector<TrialRow> ranked(const SearchFacts& facts, std::vector<TrialRow> rows) {
    std::erase_if(rows, [](const TrialRow& row) { return std::isnan(row.score); });
    std::ranges::stable_sort(rows, {}, [&](const TrialRow& r) { return facts.plan.minimizes() ? r.score : -r.score; });
    return rows;
}

std::string axes_table(const SearchFacts& facts, double low, double high) {
    std::vector<std::vector<std::string>> rows{{"axis", "parameter", "at the bottom", "at the top"}};
    for (const Parameter& p : facts.space.parameters) {
        const double last = p.is_choice() ? static_cast<double>(p.choices.size() - 1) : p.high;
        rows.push_back({fmt::format("{}", rows.size()), escape(p.key + (p.logarithmic ? " (logarithmic)" : "")),
                        escape(value_text(p, p.is_choice() ? 0 : p.low)), escape(value_text(p, last))});
    }
    rows.push_back({fmt::format("{}", rows.size()), escape(score_name(facts)), number(low), number(high)});
    return table(rows);
}

std::string parallel_html(const SearchFacts& facts, const std::vector<TrialRow>& all) {
    const std::vector<TrialRow> rows = ranked(facts, all);
    if (rows.empty()) return note("No trial has a score yet.");
    const auto [low, high] = std::ranges::minmax(rows, {}, &TrialRow::score);
    const std::size_t count = std::min(rows.size(), kMostLines), good = std::max<std::size_t>(1, count / 10);
    Plot plot{.x = {.label = "axis", .whole = true}, .y = {.label = "place in its range", .low = 0, .high = 1}};
    plot.width = 720;
    plot.points = false;
    for (std::size_t i = count; i-- > 0;) {  // the best on top
        const Point& point = facts.points[static_cast<std::size_t>(rows[i].trial)];
        Series line{.name = fmt::format("trial {}: {:.4g}", rows[i].trial, rows[i].score),
                    .color = i == 0 ? 1 : 0,
                    .faint = i >= good};
        for (std::size_t p = 0; p < point.size(); ++p) {
            if (std::isnan(point[p])) continue;  // the line goes past it
            line.x.push_back(static_cast<double>(p + 1));
            line.y.push_back(height_of(facts.space.parameters[p], point[p]));
        }
        line.x.push_back(static_cast<double>(point.size() + 1));
        line.y.push_back(high.score > low.score ? (rows[i].score - low.score) / (high.score - low.score) : 0.5);
        plot.series.push_back(std::move(line));
    }
    return figure("A line a trial through the values that it has: the best tenth strong, the best in the second color",
                  {}, to_svg(plot)) +
           axes_table(facts, low.score, high.score);
}

std::string importance_html(const SearchFacts& facts) {
    const std::vector<double> shares = importance(facts);
    std::vector<std::pair<double, std::string>> order;
    for (std::size_t i = 0; i < shares.size(); ++i) order.emplace_back(shares[i], facts.space.parameters[i].key);
    std::ranges::stable_sort(order, [](const auto& a, const auto& b) {
        return std::isnan(b.first) ? !std::isnan(a.first) : a.first > b.first;
    });
    std::vector<std::vector<std::string>> rows{{"parameter", "share"}};
    for (const auto& [share, key] : order) rows.push_back({escape(key), number(share, 2)});
    return table(rows) + note(kImportanceNote);
}

std::string trials_html(const SearchFacts& facts, const std::vector<TrialRow>& all, bool estimated) {
    std::vector<TrialRow> rows = ranked(facts, all);
    std::ranges::copy_if(all, std::back_inserter(rows), [](const TrialRow& row) { return std::isnan(row.score); });
    std::vector<std::vector<std::string>> cells{
        {"trial", "state", "epochs", score_name(facts), "time", "core hours", estimated ? "kWh (estimate)" : "kWh"}};
    for (const Parameter& parameter : facts.space.parameters) cells[0].push_back(escape(parameter.key));
    for (std::size_t i = 0; i < std::min(rows.size(), kMostRows); ++i) {
        const TrialRow& row = rows[i];
        auto& line = cells.emplace_back();
        line = {fmt::format("{}", row.trial),  escape(row.state),
                fmt::format("{}", row.epochs), number(row.score),
                escape(duration(row.seconds)), number(row.core_seconds / kHour, 3),
                number(row.joules / kKwh, 4)};
        const Point& point = facts.points[static_cast<std::size_t>(row.trial)];
        for (std::size_t p = 0; p < point.size(); ++p)
            line.push_back(escape(value_text(facts.space.parameters[p], point[p])));
    }
    std::string html = table(cells);
    if (rows.size() > kMostRows) html += note(fmt::format("{} more are in trials.csv.", rows.size() - kMostRows));
    return html;
}

std::string failures_html(const std::vector<TrialRow>& rows) {
    std::vector<std::vector<std::string>> cells{{"trial", "state", "what it said"}};
    for (const TrialRow& row : rows)
        if (!row.message.empty() && cells.size() <= kMostRows)
            cells.push_back({fmt::format("{}", row.trial), escape(row.state), escape(row.message)});
    return cells.size() == 1 ? "" : section("Failures", table(cells));
}

std::string cost_html(const std::vector<TrialRow>& rows) {
    std::vector<Dot> costs;
    for (const TrialRow& row : rows) costs.push_back({static_cast<double>(row.trial), row.core_seconds / kHour});
    Plot plot{.x = {.label = "trial", .whole = true}, .y = {.label = "core hours", .low = 0}, .width = 720};
    add_dots(plot, "core hours of a trial", 0, costs);
    return figure("What each trial cost, all of its rungs together", {}, to_svg(plot));
}

}  // namespace

std::string search_page(const SearchFacts& facts, const std::string& title, bool energy_estimated) {
    const std::vector<TrialRow> rows = trial_rows(facts);
    std::string body =
        fmt::format("<h1>{}</h1>\n<p class=\"sub\">{} on {}, {} by {}</p>\n", escape(title), escape(facts.config.model),
                    escape(facts.config.data), escape(facts.plan.method), escape(facts.plan.sampler));
    body += tiles_html(facts, rows, energy_estimated);
    body += section("Course", course_html(facts));
    body += section("Parameters", parallel_html(facts, rows));
    body += section("Importance", importance_html(facts));
    if (!rows.empty()) body += section("Cost", cost_html(rows));
    body += section("Trials", trials_html(facts, rows, energy_estimated));
    body += failures_html(rows);
    return page(title + " – Keel", body);
}

}  // namespace keel::tune
