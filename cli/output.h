// A subcommand's result.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/app.h"

namespace keel::cli {

using Json = nlohmann::ordered_json;

/// Prints the result on stdout: `object` in one line with --json, else `text`. Once a run. NaN becomes null, text that is no UTF-8
/// is mended. Throws IoError where stdout takes no more.
void print_result(const Globals& globals, const Json& object, const std::string& text);

/// Columns aligned with two spaces between them, the first to the left, the others to the right; the first row is the head.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace keel::cli
