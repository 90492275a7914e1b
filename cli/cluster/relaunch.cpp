#include "cli/cluster/relaunch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <thread>

#include "cli/cluster/attempt.h"
#include "cli/cluster/exit_code.h"
#include "cli/cluster/signals.h"

namespace keel::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kPause = 2s;

std::string hosts_text(const std::vector<Host>& hosts) {
    std::vector<std::string> words;
    for (const Host& host : hosts)
        words.push_back(fmt::format("{}:{}", host.name.empty() ? "this machine" : host.name, host.ranks));
    return fmt::format("{}", fmt::join(words, ", "));
}

Json attempt_object(const Attempt& attempt, const std::vector<Host>& hosts) {
    return {{"ranks", rank_count(hosts)},
            {"hosts", hosts_text(hosts)},
            {"exit_code", attempt.code},
            {"failed_rank", attempt.failed ? Json(attempt.failed->rank) : Json()},
            {"failed_host", attempt.failed ? Json(attempt.failed->host) : Json()}};
}

/// The hosts of the next attempt; none where there is none.
std::vector<Host> next_hosts(const LaunchOptions& launch, const std::vector<Host>& hosts, const Attempt& last,
                             const RelaunchOptions& options) {
    const auto host = last.failed ? host_of(hosts, last.failed->rank) : std::nullopt;
    const bool there = !host || reachable(launch, hosts[*host].name);
    if (!there) spdlog::warn("[launch] {} cannot be reached", hosts[*host].name);
    std::vector<Host> left = hosts_left(hosts, last, there, options.same_ranks);
    if (rank_count(left) >= options.min_ranks) return left;
    spdlog::error("[launch] {} ranks are left, --min-ranks asks for {}", rank_count(left), options.min_ranks);
    return {};
}

}  // namespace

Attempts launch_until_done(const LaunchOptions& launch, std::vector<Host> hosts, const RelaunchOptions& options) {
    Attempts attempts;
    for (int restarts = 0;; ++restarts) {
        const Attempt last = attempt(launch, hosts, options.mute);
        attempts.all.push_back(attempt_object(last, hosts));
        attempts.code = code_of(last);
        if (stop_signal() != 0) {
            attempts.code = last.code == kSuccess ? kSuccess : exit_code_of(stop_signal());
            break;
        }
        if (!worth_restarting(last)) break;
        if (restarts == options.max_restarts) {
            spdlog::error("[launch] {} restarts were not enough", restarts);
            break;
        }
        std::vector<Host> left = next_hosts(launch, hosts, last, options);
        if (left.empty()) break;
        hosts = std::move(left);
        spdlog::warn("[launch] restart {} of {} after exit code {}, with {} ranks ({})", restarts + 1,
                     options.max_restarts, last.code, rank_count(hosts), hosts_text(hosts));
        std::this_thread::sleep_for(kPause);
    }
    return attempts;
}

}  // namespace keel::cli
