#include "tune/outcome.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"

namespace keel::tune {

std::string one_line(std::string text) {
    constexpr std::size_t kMost = 500;
    if (text.size() > kMost) text = text.substr(0, kMost) + "...";
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; }, ' ');
    return is_utf8(text) ? text : percent_encoded(text);
}

Outcome failed_job(Ending ending, int epochs, const std::string& message) {
    return {.ending = ending, .epochs = epochs, .message = one_line(message)};
}

std::string used_up(const Budget& budget, const Spent& spent) {
    constexpr double kHour = 3600, kKwh = 3.6e6;
    if (budget.core_hours > 0 && spent.core_seconds >= budget.core_hours * kHour)
        return fmt::format("{:g} core hours", budget.core_hours);
    if (budget.hours > 0 && spent.seconds >= budget.hours * kHour) return fmt::format("{:g} hours", budget.hours);
    if (budget.kwh > 0 && spent.joules >= budget.kwh * kKwh) return fmt::format("{:g} kWh", budget.kwh);
    return "";
}

}  // namespace keel::tune
