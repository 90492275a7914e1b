// Operating points for people and programs.
#pragma once

#include <string>

#include "engine/json.h"
#include "models/model_spec.h"

namespace keel {

/// {"chosen", "split", "least_sensitivity", "rules": {RULE: {LABEL: {"threshold", "sensitivity", "specificity"}}},
/// "calibration": {METHOD: {LABEL: {"slope", "offset"}}}}; null where nothing could be measured.
Json operating_points_json(const ModelSpec& spec, const OperatingPoints& points);

/// Returns the chosen rule's points, and the calibration, as a table.
std::string operating_points_text(const ModelSpec& spec, const OperatingPoints& points);

}  // namespace keel
