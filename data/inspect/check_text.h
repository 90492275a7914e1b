// What check_dataset() found, for people and programs.
#pragma once

#include <string>

#include "data/inspect/check.h"
#include "engine/json.h"

namespace keel {

/// Returns a row a finding: its severity, kind, split, name and detail.
std::string findings_csv(const CheckReport& report);

/// Returns counts: of images, of findings by kind, of errors and warnings, of labels by split. `spec` is the data's.
Json check_json(const std::string& spec, const Dataset& dataset, const CheckReport& report);

/// Returns the same as a text, the first findings of each kind by name.
std::string check_text(const Dataset& dataset, const CheckReport& report);

}  // namespace keel
