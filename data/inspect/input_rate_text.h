// What input costs, for people and programs.
#pragma once

#include <span>
#include <string>

#include "data/inspect/input_rate.h"
#include "engine/json.h"

namespace keel {

/// Returns what measure_input() measured of each data set: images and bytes a second, and the share of a core that
/// feeds a network which takes `rate` images a second.
Json input_rate_json(std::span<const std::string> names, std::span<const InputRate> rates, const InputMeasurement& what,
                     double rate);

/// Returns the same as a table, with notes where emptying the cache had no effect.
std::string input_rate_text(std::span<const std::string> names, std::span<const InputRate> rates,
                            const InputMeasurement& what, double rate);

}  // namespace keel
