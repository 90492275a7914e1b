#include "cli/app.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "cli/cluster/lone_cores.h"
#include "cli/cluster/thread_limit.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/output.h"
#include "distributed/mpi/mpi_communicator.h"
#include "engine/conv_tuning.h"
#include "engine/patience.h"
#include "kernels/error.h"
#include "kernels/version.h"

namespace keel::cli {
namespace {

struct Leaf {
    CLI::App* app;
    Run run;
};

void add_common_options(CLI::App& app, Globals& globals) {
    add_flag(app, "--quiet", globals.quiet, "no progress and no information on stderr; warnings and errors stay");
    add_flag(app, "--json", globals.json, "print the result as one JSON object on stdout");
    add_number(app, "--seed", globals.seed, at_least(0), "seed of all random numbers, at least 0 [default 0]");
    app.add_option("--threads", globals.threads, "compute threads, at most 1024 [default: the allowed cores]")
        ->type_name("N")
        ->check(number(from_to(0, 1024), true));
    add_choice(app, "--bind", globals.bind, kBinds,
               "threads stay on processors: auto where no other run uses those, always, never");
    add_number(app, "--io-patience", globals.io_patience, from_to(0, 86400),
               "seconds for which reads are tried again where the storage does not answer");
    add_text(
        app, "--tuning", globals.tuning, "FILE.json",
        "measure at first use whether Keel's or oneDNN's kernels serve a convolution best, and keep the choices in "
        "FILE");
}

void say_warning(const std::string& line) { spdlog::warn("{}", line); }

/// The choices are logged as they are made.
void tune(const std::string& file) {
    const auto report = [](const kernels::ConvChoice& choice) {
        const auto& g = choice.geometry;
        spdlog::info(
            "tuning: {}x{}x{}x{} {} to {} channels, kernel {}x{}, stride {}: {} (Keel {:.2f} ms, oneDNN {:.2f} ms)",
            g.n, g.ih, g.iw, g.ic, name(choice.type), g.oc, g.kh, g.kw, g.stride_h, choice.own ? "Keel" : "oneDNN",
            choice.own_ms, choice.onednn_ms);
    };
    tune_convolutions(file, report, say_warning);
}

void add_commands(CLI::App& parent, const std::vector<Command>& list, Globals& globals, std::vector<Leaf>& leaves) {
    for (const Command& command : list) {
        CLI::App* app = parent.add_subcommand(command.name, command.summary);
        app->set_help_flag("--help", "print this help");
        app->allow_extras();  // left over words are looked at in refuse_leftovers(), which has suggestions
        app->fallthrough(false);
        add_commands(*app, command.children, globals, leaves);
        if (command.add == nullptr) continue;
        add_common_options(*app, globals);
        leaves.push_back({app, command.add(*app, globals)});
    }
}

/// The innermost subcommand on the command line, or the program itself.
const CLI::App& chosen(const CLI::App& app) {
    const auto subcommands = app.get_subcommands();
    return subcommands.empty() ? app : chosen(*subcommands.front());
}

std::string full_name(const CLI::App& app) {
    return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + " " + app.get_name();
}

/// Throws UsageError about the first word that nothing on the command line wanted.
void refuse_leftovers(const CLI::App& app) {
    std::vector<std::string> left = app.remaining();
    if (const auto mark = std::ranges::find(left, "--"); mark != left.end())
        left.erase(mark);  // what follows it are no options
    if (left.empty()) return;
    const std::string word = left.front().substr(0, left.front().find('='));
    std::vector<std::string> known;
    if (word.starts_with('-')) {
        for (const CLI::Option* option : app.get_options({}))
            for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
        throw UsageError(fmt::format("[options] unknown option '{}'{} ({} --help lists them)", word,
                                     suggestion(word, known), full_name(app)));
    }
    for (const CLI::App* child : app.get_subcommands({})) known.push_back(child->get_name());
    if (known.empty())
        throw UsageError(
            fmt::format("[options] '{}' is one argument too many ({} --help lists them)", word, full_name(app)));
    throw UsageError(fmt::format("[options] unknown command '{}'{} ({} --help lists them)", word,
                                 suggestion(word, known), full_name(app)));
}

/// Log lines of the libraries go to stderr: stdout belongs to the result.
void log_to_stderr() {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto logger = std::make_shared<spdlog::logger>("keel", std::move(sink));
    logger->set_pattern("%v");
    spdlog::set_default_logger(std::move(logger));
}

int parse_and_run(CLI::App& app, const std::vector<Leaf>& leaves, Globals& globals, int argc, const char* const* argv) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        print_result({}, {}, help_text(chosen(app)));
        return kSuccess;
    } catch (const CLI::CallForVersion&) {
        print_result({}, {}, "keel " KEEL_VERSION "\n");
        return kSuccess;
    } catch (const CLI::ParseError& error) {
        // A misspelt option is why a required one is missing.
        refuse_leftovers(chosen(app));
        throw UsageError(fmt::format("[options] {}", error.what()));
    }
    const CLI::App& command = chosen(app);
    refuse_leftovers(command);
    for (const CLI::App* parent = command.get_parent(); parent != nullptr; parent = parent->get_parent())
        refuse_leftovers(*parent);
    for (const Leaf& leaf : leaves) {
        if (leaf.app != &command) continue;
        if (globals.quiet) spdlog::default_logger()->set_level(spdlog::level::warn);
        globals.core_notes = take_lone_cores(globals.threads, globals.bind);
        if (!globals.tuning.empty()) tune(globals.tuning);
        const PatienceScope patience(globals.io_patience, say_warning);
        return leaf.run();
    }
    throw UsageError(fmt::format("[options] a command is missing ({} --help lists them)", full_name(command)));
}

}  // namespace

int run_program(int argc, const char* const* argv, const std::vector<Command>& table) {
    CLI::App app("Keel trains and runs convolutional networks on CPUs.", "keel");
    app.set_help_flag("--help", "print this help");
    app.set_version_flag("--version", KEEL_VERSION, "print the version");
    app.allow_extras();
    const auto fail = [&](int code, std::string message) {
        std::replace(message.begin(), message.end(), '\n', ' ');
        std::fprintf(stderr, "%s: %s\n", full_name(chosen(app)).c_str(), message.c_str());
        abort_ranks(code);  // the others would wait for this one
        return code;
    };
    try {
        log_to_stderr();
        Globals globals;
        std::vector<Leaf> leaves;
        add_commands(app, table, globals, leaves);
        return parse_and_run(app, leaves, globals, argc, argv);
    } catch (const std::bad_alloc&) {
        return fail(kInternalError, "[memory] out of memory");
    } catch (const std::exception& error) {
        return fail(exit_code_of(error), message_of(error));
    }
}

}  // namespace keel::cli
