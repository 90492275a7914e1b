#include "runs/report/costs.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "runs/energy/energy_meter.h"
#include "runs/report/page.h"
#include "runs/report/sections.h"

namespace keel::report {
namespace {

/// What was said at the last epoch of the rest of a run that is not over.
std::string to_come_text(const RunData& run) {
    const auto last = [&](const char* key) {
        const std::vector<double> values = run.metrics.column(key);
        return values.empty() ? kNaN : values.back();
    };
    const double seconds = last("to_come_seconds"), core_hours = last("to_come_core_hours"), kwh = last("to_come_kwh");
    if (!(seconds > 0) || !std::isfinite(core_hours) || !std::isfinite(kwh)) return "";
    return fmt::format("To come, as it was seen at the last epoch: {}, {:.3g} core-hours, {}.", duration_text(seconds),
                       core_hours, energy_text(3.6e6 * kwh, run.spent->estimated));
}

}  // namespace

std::string costs_html(const RunData& run) {
    if (!run.spent) return "";
    const RunCost& spent = *run.spent;
    const Prices prices = prices_of(run.config);
    std::vector<Tile> list{{duration_text(spent.seconds), "time that it ran"},
                           {fmt::format("{:.3g}", spent.core_hours), "core-hours"},
                           {energy_text(spent.joules, false), spent.estimated ? "energy, an estimate" : "energy"}};
    if (const auto price = price_of(spent.core_hours, spent.kwh(), prices))
        list.push_back({fmt::format("{:.2f}", *price), "price"});
    if (prices.gco2_kwh > 0)
        list.push_back({fmt::format("{:.3g} g", spent.kwh() * prices.gco2_kwh),
                        spent.estimated ? "carbon dioxide, an estimate" : "carbon dioxide"});
    std::string text = fmt::format("Energy by {}.", spent.source.empty() ? "nothing that is known" : spent.source);
    if (!spent.estimated && !spent.source.empty()) text += " It is of whole nodes, other work on them included.";
    if (spent.processes > 1)
        text +=
            fmt::format(" {} processes one after the other; what lay between them does not count.", spent.processes);
    std::string html = tiles(list) + note(text);
    if (const std::string to_come = to_come_text(run); !to_come.empty()) html += note(to_come);
    return html;
}

}  // namespace keel::report
