// Scores that are undefined where a class is missing, in files and in tables.
#pragma once

#include <optional>
#include <string>

#include <fmt/format.h>

#include "engine/json.h"

namespace keel {

/// Returns null for an undefined one.
inline Json number(const std::optional<double>& score) { return score ? Json(*score) : Json(nullptr); }

/// Returns four decimals, or "undefined".
inline std::string cell(const std::optional<double>& score) {
    return score ? fmt::format("{:.4f}", *score) : "undefined";
}

}  // namespace keel
