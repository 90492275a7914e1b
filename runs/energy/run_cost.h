// What a run takes: time, processors, energy, and what they cost.
#pragma once

#include <optional>
#include <string>

#include "engine/json.h"
#include "train/train_config.h"

namespace keel {

/// 0: not known.
struct Prices {
    double core_hour = 0, kwh = 0;  ///< of whatever currency
    double gco2_kwh = 0;            ///< grams of carbon dioxide
};
Prices prices_of(const TrainConfig& config);

/// Sums over all processes of a run, and all ranks of each.
struct RunCost {
    double seconds = 0;     ///< that it ran; what lay between two processes does not count
    double core_hours = 0;  ///< of compute threads, whether they were busy or not
    double joules = 0;
    bool estimated = false;  ///< the energy, or a part of it
    std::string source{};    ///< of the energy, see EnergyReading
    int processes = 0;       ///< one after the other

    double kwh() const { return joules / 3.6e6; }
};

/// Core hours and energy by their prices; none where none is known.
std::optional<double> price_of(double core_hours, double kwh, const Prices& prices);

/// {"seconds", "core_hours", "kwh", "kwh_estimated", "energy_source", "processes", "price", "gco2"}; the last two where
/// prices are known.
Json cost_json(const RunCost& cost, const Prices& prices);

/// Takes back what cost_json() wrote. Throws InputError, which names `file`, for anything else.
RunCost read_cost(const std::string& text, const std::string& file);

/// "1 h 2 min, 2.1 core-hours, 34 Wh (estimate), price 0.12, 5 g CO2"
std::string cost_text(const RunCost& cost, const Prices& prices);

/// "59 s", "1 min 15 s", "3 h 20 min", "2 d 4 h"
std::string duration_text(double seconds);

}  // namespace keel
