#include "cli/cluster/attempt.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>

#include "cli/cluster/child.h"
#include "cli/cluster/signals.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// How long mpirun may take to end once a rank is lost: it waits for ever for a host that is gone.
constexpr auto kPatience = 15s;
constexpr auto kProbe = 15s;

}  // namespace

Attempt attempt(const LaunchOptions& options, const std::vector<Host>& hosts, bool mute) {
    Attempt result;
    Child child(launch_line(options, hosts), mute);
    bool told = false, pressed = false;
    std::optional<Clock::time_point> lost;
    const auto line = [&](const std::string& text) {
        std::fputs(text.c_str(), stderr);
        if (!result.failed && (result.failed = failed_rank(text))) lost = Clock::now();
    };
    while (child.wait(100ms, line)) {
        if (stop_signal() != 0 && !told) {
            child.signal(SIGUSR1);
            told = true;
        }
        if (lost && Clock::now() > *lost + kPatience && !pressed) {
            spdlog::warn("[launch] {} does not end: it is told to", options.mpirun.front());
            child.signal(SIGTERM);
            pressed = true;
        }
        if (lost && Clock::now() > *lost + 2 * kPatience) child.kill();
    }
    result.code = child.code();
    if (result.code == 127 && !result.failed)
        throw UsageError(fmt::format("[launch] cannot start '{}': is Open MPI there?", options.mpirun.front()));
    return result;
}

bool reachable(const LaunchOptions& options, const std::string& host) {
    if (host.empty()) return true;
    std::vector<std::string> line = options.mpirun;
    line.insert(line.end(), {"-np", "1", "--host", host, "true"});
    Child child(line, true);
    const auto until = Clock::now() + kProbe;
    while (child.wait(100ms, [](const std::string&) {}))
        if (Clock::now() > until) return false;
    return child.code() == 0;
}

}  // namespace keel::cli
