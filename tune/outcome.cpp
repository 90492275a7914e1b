#include "tune/outcome.h"

#include <fmt/format.h>

namespace keel::tune {

std::string used_up(const Budget& budget, const Spent& spent) {
    constexpr double kHour = 3600, kKwh = 3.6e6;
    if (budget.core_hours > 0 && spent.core_seconds >= budget.core_hours * kHour)
        return fmt::format("{:g} core hours", budget.core_hours);
    if (budget.hours > 0 && spent.seconds >= budget.hours * kHour) return fmt::format("{:g} hours", budget.hours);
    if (budget.kwh > 0 && spent.joules >= budget.kwh * kKwh) return fmt::format("{:g} kWh", budget.kwh);
    return "";
}

}  // namespace keel::tune
