// keel launch
#include <algorithm>
#include <memory>

#include "cli/app.h"
#include "cli/cluster/attempt.h"
#include "cli/cluster/core_map.h"
#include "cli/cluster/relaunch.h"
#include "cli/cluster/signals.h"
#include "cli/options.h"
#include "cli/output.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

struct LaunchArguments {
    std::string hosts, mpirun = "mpirun";
    int ranks = 0;
    LaunchOptions launch;
    RelaunchOptions restarts;
};

/// The ranks of this machine alone: as many as its cores suit where nobody says.
std::vector<Host> this_machine(const LaunchArguments& o) {
    if (o.ranks > 0) return {{"", o.ranks}};
    return {{"", static_cast<int>(plan_cores(cores_of(read_machine()), {}).ranks.size())}};
}

int run(LaunchArguments& o, const Globals& globals) {
    if (o.launch.command.empty())
        throw UsageError("[launch] wanted a keel command after --, as in: keel launch -- train --model ...");
    take_launcher(o.launch, o.mpirun);
    std::vector<Host> hosts = o.hosts.empty() ? this_machine(o) : parse_hosts(o.hosts, std::max(o.ranks, 1));
    catch_stop_signals();
    give_time();
    o.restarts.mute = globals.json;
    Attempts attempts = launch_until_done(o.launch, std::move(hosts), o.restarts);
    if (globals.json)
        print_result(globals,
                     {{"exit_code", attempts.code},
                      {"restarts", attempts.all.size() - 1},
                      {"attempts", std::move(attempts.all)}},
                     "");
    return attempts.code;
}

}  // namespace

Run add_launch(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<LaunchArguments>();
    add_list(app, "command", o->launch.command, "COMMAND", {},
             "keel command of every rank and its options, after --: -- train --model ...");
    add_text(app, "--hosts", o->hosts, "HOST:N,...", "hosts and how many ranks each runs [default: this machine]");
    add_number(app, "--ranks", o->ranks, from_to(0, 1024),
               "ranks of a host that --hosts gives no number; 0: as its cores suit");
    add_number(app, "--max-restarts", o->restarts.max_restarts, from_to(0, 1'000'000),
               "restarts from the last checkpoint, at most");
    add_number(app, "--min-ranks", o->restarts.min_ranks, from_to(1, 1'000'000), "do not go on with fewer ranks");
    add_flag(app, "--same-ranks", o->restarts.same_ranks,
             "start a lost rank again where its host can be reached; else it is left out, which makes the global "
             "batch smaller");
    add_flag(app, "--oversubscribe", o->launch.oversubscribe, "let mpirun start more ranks than there are cores");
    add_text(app, "--mpirun", o->mpirun, "TEXT", "program that starts the ranks, and options of its own");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
