#include "runs/energy/run_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/text.h"
#include "kernels/error.h"
#include "runs/energy/energy_meter.h"

namespace keel {
namespace {

/// A number of 0 and more of an object that was read from a file.
double number_of(const Json& object, const char* key, const std::string& file) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number())
        throw InputError(fmt::format("[spent] {}: wanted a number for {}", file, key));
    const double value = found->get<double>();
    if (!std::isfinite(value) || value < 0 || value > 1e15)
        throw InputError(fmt::format("[spent] {}: wanted 0 or more for {}, got {}", file, key, value));
    return value;
}

}  // namespace

Prices prices_of(const TrainConfig& config) { return {config.price_core_hour, config.price_kwh, config.gco2_kwh}; }

std::optional<double> price_of(double core_hours, double kwh, const Prices& prices) {
    if (prices.core_hour == 0 && prices.kwh == 0) return std::nullopt;
    return core_hours * prices.core_hour + kwh * prices.kwh;
}

Json cost_json(const RunCost& cost, const Prices& prices) {
    Json json{{"seconds", cost.seconds},         {"core_hours", cost.core_hours}, {"kwh", cost.kwh()},
              {"kwh_estimated", cost.estimated}, {"energy_source", cost.source},  {"processes", cost.processes}};
    if (const auto price = price_of(cost.core_hours, cost.kwh(), prices)) json["price"] = *price;
    if (prices.gco2_kwh > 0) json["gco2"] = cost.kwh() * prices.gco2_kwh;
    return json;
}

RunCost read_cost(const std::string& text, const std::string& file) {
    const Json json = try_parse_json(text);
    if (!json.is_object()) throw InputError(fmt::format("[spent] {} is no JSON object", file));
    RunCost cost;
    cost.seconds = number_of(json, "seconds", file);
    cost.core_hours = number_of(json, "core_hours", file);
    cost.joules = 3.6e6 * number_of(json, "kwh", file);
    const double processes = number_of(json, "processes", file);
    cost.processes = static_cast<int>(std::min(processes, 1e9));
    const auto estimated = json.find("kwh_estimated"), source = json.find("energy_source");
    if (estimated == json.end() || !estimated->is_boolean() || source == json.end() || !source->is_string())
        throw InputError(fmt::format("[spent] {}: wanted kwh_estimated and energy_source", file));
    cost.estimated = estimated->get<bool>();
    cost.source = source->get<std::string>();
    return cost;
}

std::string cost_text(const RunCost& cost, const Prices& prices) {
    std::string text = fmt::format("{}, {:.3g} core-hours, {}", duration_text(cost.seconds), cost.core_hours,
                                   energy_text(cost.joules, cost.estimated));
    if (const auto price = price_of(cost.core_hours, cost.kwh(), prices)) text += fmt::format(", price {:.2f}", *price);
    if (prices.gco2_kwh > 0) text += fmt::format(", {:.3g} g CO2", cost.kwh() * prices.gco2_kwh);
    return text;
}

std::string duration_text(double seconds) {
    if (!(seconds >= 0 && seconds < 1e15)) return "unknown";
    const auto whole = static_cast<std::int64_t>(std::llround(seconds));
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
    if (whole < 48 * 3600) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
    return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

}  // namespace keel
