// The subcommands' registration: one small file each, listed in commands.cpp.
#pragma once

#include "cli/app.h"

namespace keel::cli {

Run add_data_info(CLI::App& app, const Globals& globals);
Run add_data_synth(CLI::App& app, const Globals& globals);
Run add_doctor(CLI::App& app, const Globals& globals);

}  // namespace keel::cli
