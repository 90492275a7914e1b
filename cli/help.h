// The text of --help, the same on every machine and with every version of CLI11, so that docs/cli.md can be held
// against it.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace keel::cli {

/// Usage, summary, positionals, options and subcommands of `app`, wrapped at 110 columns.
std::string help_text(const CLI::App& app);

}  // namespace keel::cli
