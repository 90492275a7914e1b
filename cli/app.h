// The frame of the `keel` program: subcommands, and what they have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/cluster/exit_code.h"
#include "train/option.h"

namespace CLI {
class App;
}

namespace keel::cli {

/// What every subcommand takes.
struct Globals {
    bool quiet = false;                 ///< no progress and no information on stderr; warnings, errors and results stay
    bool json = false;                  ///< the result is one JSON object on stdout
    std::optional<std::uint64_t> seed;  ///< --seed where given
    double io_patience = 120;           ///< --io-patience, already the main thread's; keel train has it as an option
    int threads = 0;                    ///< --threads, already handed to set_thread_count(); 0: not given
    std::string bind = "auto";          ///< --bind, one of kBinds (cli/cluster/lone_cores.h)
    std::vector<std::string> core_notes;  ///< what take_lone_cores() had to say
    std::string tuning;                   ///< --tuning, already handed to tune_convolutions(); empty: not given
};

/// What a subcommand does once its options are parsed; returns the exit code. Errors are exceptions (kernels/error.h).
using Run = std::function<int()>;

/// Declares a subcommand's options on `app` and returns what it does. `globals` outlives that.
using AddCommand = Run(CLI::App& app, const Globals& globals);

/// A subcommand, or a group of them where `add` is null.
struct Command {
    std::string name, summary;
    AddCommand* add = nullptr;
    std::vector<Command> children = {};
};

/// Returns all subcommands, in the order of the help text (cli/commands.cpp).
const std::vector<Command>& commands();

/// Runs the program with the subcommands of a table: parses, runs the one that is named, prints a one-line error
/// `keel train: [nih] ...` on stderr. Returns the exit code.
int run_program(int argc, const char* const* argv, const std::vector<Command>& table = commands());

}  // namespace keel::cli
