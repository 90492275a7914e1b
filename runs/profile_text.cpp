#include "runs/profile_text.h"

#include <fmt/format.h>

#include "engine/text.h"

namespace keel {
namespace {

using profile::Totals;
using Cells = std::vector<std::string>;

constexpr double kLeastShown = 0.005;  // milliseconds: a layer below would be a row of zeros

double milliseconds(const Totals& totals, int steps) { return 1e3 * totals.seconds / steps; }

/// 1e9 a second; 0 where there is nothing or no time to count.
double giga_rate(double amount, const Totals& totals) {
    return totals.seconds > 0 ? 1e-9 * amount / totals.seconds : 0;
}

/// Milliseconds, GFLOP/s and GB/s; blank where they are nothing.
void append(Cells& row, const Totals& totals, int steps) {
    const auto cell = [](double value, const char* format) {
        return value > 0 ? fmt::format(fmt::runtime(format), value) : std::string();
    };
    row.push_back(cell(milliseconds(totals, steps), "{:.2f}"));
    row.push_back(cell(giga_rate(totals.cost.flops, totals), "{:.1f}"));
    row.push_back(cell(giga_rate(totals.cost.bytes, totals), "{:.1f}"));
}

std::string share(double seconds, const profile::Summary& summary) {
    return fmt::format("{:.1f}", summary.seconds > 0 ? 100 * seconds / summary.seconds : 0);
}

Json figures(const Totals& totals, int steps) {
    return {{"calls", static_cast<double>(totals.calls) / steps},
            {"ms", milliseconds(totals, steps)},
            {"gflops", giga_rate(totals.cost.flops, totals)},
            {"gbs", giga_rate(totals.cost.bytes, totals)}};
}

}  // namespace

std::string profile_text(const profile::Summary& summary, int steps) {
    std::vector<Cells> kinds{{"kind of work", "calls", "ms", "GFLOP/s", "GB/s", "%"}};
    for (const auto& [kind, totals] : summary.kinds) {
        Cells row{kind, fmt::format("{}", totals.calls / steps)};
        append(row, totals, steps);
        row.push_back(share(totals.seconds, summary));
        kinds.push_back(std::move(row));
    }
    kinds.push_back({"all", "", fmt::format("{:.2f}", 1e3 * summary.seconds / steps), "", "", "100.0"});

    std::vector<Cells> layers{{"layer", "forward ms", "GFLOP/s", "GB/s", "backward ms", "GFLOP/s", "GB/s", "%"}};
    for (const auto& [layer, forward, backward] : summary.layers) {
        if (milliseconds(forward, steps) + milliseconds(backward, steps) < kLeastShown) continue;
        Cells row{layer.empty() ? "(no layer)" : layer};
        append(row, forward, steps);
        append(row, backward, steps);
        row.push_back(share(forward.seconds + backward.seconds, summary));
        layers.push_back(std::move(row));
    }
    return format_table(kinds) + "\n" + format_table(layers);
}

Json profile_json(const profile::Summary& summary, int steps) {
    Json kinds = Json::array(), layers = Json::array();
    for (const auto& [kind, totals] : summary.kinds) {
        Json row{{"kind", kind}};
        row.update(figures(totals, steps));
        kinds.push_back(std::move(row));
    }
    for (const auto& [layer, forward, backward] : summary.layers)
        layers.push_back(
            {{"layer", layer}, {"forward", figures(forward, steps)}, {"backward", figures(backward, steps)}});
    return {{"steps", steps}, {"step_ms", 1e3 * summary.seconds / steps}, {"kinds", kinds}, {"layers", layers}};
}

}  // namespace keel
