// keel launch
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <sstream>
#include <thread>

#include "cli/app.h"
#include "cli/cluster/attempt.h"
#include "cli/cluster/core_map.h"
#include "cli/cluster/signals.h"
#include "cli/options.h"
#include "cli/output.h"
#include "distributed/mpi/mpi_communicator.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kPause = 2s;

struct LaunchArguments {
    std::string hosts, mpirun = "mpirun";
    int ranks = 0, max_restarts = 3, min_ranks = 1;
    bool same_ranks = false;
    LaunchOptions launch;
};

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

/// The ranks of this machine alone: as many as its cores suit where nobody says.
std::vector<Host> this_machine(const LaunchArguments& o) {
    if (o.ranks > 0) return {{"", o.ranks}};
    return {{"", static_cast<int>(plan_cores(cores_of(read_machine()), {}).ranks.size())}};
}

std::string text_of(const std::vector<Host>& hosts) {
    std::vector<std::string> words;
    for (const Host& host : hosts)
        words.push_back(fmt::format("{}:{}", host.name.empty() ? "this machine" : host.name, host.ranks));
    return fmt::format("{}", fmt::join(words, ", "));
}

Json object_of(const Attempt& attempt, const std::vector<Host>& hosts) {
    return {{"ranks", rank_count(hosts)},
            {"hosts", text_of(hosts)},
            {"exit_code", attempt.code},
            {"failed_rank", attempt.failed ? Json(attempt.failed->rank) : Json()},
            {"failed_host", attempt.failed ? Json(attempt.failed->host) : Json()}};
}

int run(LaunchArguments& o, const Globals& globals) {
    if (o.launch.command.empty())
        throw UsageError("[launch] wanted a keel command after --, as in: keel launch -- train --model ...");
    o.launch.mpirun = words_of(o.mpirun);
    if (o.launch.mpirun.empty()) throw UsageError("[launch] mpirun: wanted a program, got nothing");
    o.launch.keel = std::filesystem::read_symlink("/proc/self/exe").string();
    o.launch.make = mpi_make(mpi_library());
    std::vector<Host> hosts = o.hosts.empty() ? this_machine(o) : parse_hosts(o.hosts, std::max(o.ranks, 1));
    catch_stop_signals();
    give_time();

    Json attempts = Json::array();
    int code = kSuccess;
    for (int restarts = 0;; ++restarts) {
        const Attempt last = attempt(o.launch, hosts, globals.json);
        attempts.push_back(object_of(last, hosts));
        code = code_of(last);
        if (stop_signal() != 0) {
            code = last.code == kSuccess ? kSuccess : exit_code_of(stop_signal());
            break;
        }
        if (!worth_restarting(last)) break;
        if (restarts == o.max_restarts) {
            spdlog::error("[launch] {} restarts were not enough", restarts);
            break;
        }
        const auto host = last.failed ? host_of(hosts, last.failed->rank) : std::nullopt;
        const bool there = !host || reachable(o.launch, hosts[*host].name);
        if (!there) spdlog::warn("[launch] {} cannot be reached", hosts[*host].name);
        std::vector<Host> left = hosts_left(hosts, last, there, o.same_ranks);
        if (rank_count(left) < o.min_ranks) {
            spdlog::error("[launch] {} ranks are left, --min-ranks asks for {}", rank_count(left), o.min_ranks);
            break;
        }
        hosts = std::move(left);
        spdlog::warn("[launch] restart {} of {} after exit code {}, with {} ranks ({})", restarts + 1, o.max_restarts,
                     last.code, rank_count(hosts), text_of(hosts));
        std::this_thread::sleep_for(kPause);
    }
    if (globals.json)
        print_result(globals,
                     {{"exit_code", code}, {"restarts", attempts.size() - 1}, {"attempts", std::move(attempts)}}, "");
    return code;
}

}  // namespace

Run add_launch(CLI::App& app, const Globals& globals) {
    const auto o = std::make_shared<LaunchArguments>();
    add_list(app, "command", o->launch.command, "COMMAND", {},
             "keel command of every rank and its options, after --: -- train --model ...");
    add_text(app, "--hosts", o->hosts, "HOST:N,...", "hosts and how many ranks each runs [default: this machine]");
    add_number(app, "--ranks", o->ranks, from_to(0, 1024),
               "ranks of a host that --hosts gives no number; 0: as its cores suit");
    add_number(app, "--max-restarts", o->max_restarts, from_to(0, 1'000'000),
               "restarts from the last checkpoint, at most");
    add_number(app, "--min-ranks", o->min_ranks, from_to(1, 1'000'000), "do not go on with fewer ranks");
    add_flag(app, "--same-ranks", o->same_ranks,
             "start a lost rank again where its host can be reached; else it is left out, which makes the global "
             "batch smaller");
    add_flag(app, "--oversubscribe", o->launch.oversubscribe, "let mpirun start more ranks than there are cores");
    add_text(app, "--mpirun", o->mpirun, "TEXT", "program that starts the ranks, and options of its own");
    return [o, &globals] { return run(*o, globals); };
}

}  // namespace keel::cli
