// A subcommand's result.
#pragma once

#include <string>

#include "cli/app.h"
#include "engine/json.h"
#include "engine/text.h"

namespace keel::cli {

/// Prints the result on stdout: `object` in one line with --json, else `text`. Once a run. NaN becomes null, text that
/// is no UTF-8 is mended. Throws IoError where stdout takes no more.
void print_result(const Globals& globals, const Json& object, const std::string& text);

}  // namespace keel::cli
