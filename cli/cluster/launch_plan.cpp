#include "cli/cluster/launch_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "cli/cluster/exit_code.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

bool is_final(int code) {
    const int final_codes[] = {kSuccess, kUsageError, kBadInput, kDiverged, kStoppedResumable, kInterrupted};
    return std::ranges::find(final_codes, code) != std::end(final_codes);
}

bool says(const std::vector<std::string>& command, const std::string& flag) {
    return std::ranges::any_of(command,
                               [&](const std::string& word) { return word == flag || word.starts_with(flag + "="); });
}

}  // namespace

std::vector<Host> parse_hosts(const std::string& text, int ranks) {
    std::vector<Host> hosts;
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, ',');) {
        Host host{word.substr(0, word.find(':')), ranks};
        if (const std::size_t colon = word.find(':'); colon != std::string::npos) {
            const char* const end = word.data() + word.size();
            const auto [at, error] = std::from_chars(word.data() + colon + 1, end, host.ranks);
            if (error != std::errc() || at != end) host.ranks = 0;
        }
        // What begins with a dash would be an option of mpirun.
        if (host.name.empty() || host.name.front() == '-' || host.name.find_first_of(" \t") != std::string::npos ||
            host.ranks < 1 || host.ranks > 1024)
            throw UsageError(
                fmt::format("[launch] hosts: wanted NAME or NAME:RANKS with commas between them, not '{}'", word));
        if (std::ranges::find(hosts, host.name, &Host::name) != hosts.end())
            throw UsageError(fmt::format("[launch] hosts: '{}' is there twice", host.name));
        hosts.push_back(std::move(host));
    }
    return hosts;
}

int rank_count(const std::vector<Host>& hosts) {
    int ranks = 0;
    for (const Host& host : hosts) ranks += host.ranks;
    return ranks;
}

std::vector<std::vector<Host>> divide_hosts(const std::vector<Host>& hosts, int ranks) {
    std::vector<std::vector<Host>> groups(1);
    for (Host host : hosts)
        while (host.ranks > 0) {
            const int taken = std::min(host.ranks, ranks - rank_count(groups.back()));
            groups.back().push_back({host.name, taken});
            host.ranks -= taken;
            if (rank_count(groups.back()) == ranks) groups.emplace_back();
        }
    groups.pop_back();
    return groups;
}

std::vector<std::string> launch_line(const LaunchOptions& options, const std::vector<Host>& hosts) {
    std::vector<std::string> line = options.mpirun;
    std::string names;
    for (const Host& host : hosts)
        if (!host.name.empty()) names += fmt::format("{}{}:{}", names.empty() ? "" : ",", host.name, host.ranks);
    const std::vector<std::string> words =
        mpirun_words(options.make, {.ranks = rank_count(hosts), .hosts = names, .crowded = options.oversubscribe});
    line.insert(line.end(), words.begin(), words.end());
    line.push_back(options.keel);
    line.insert(line.end(), options.command.begin(), options.command.end());
    if (!options.command.empty() && options.command.front() == "train" && !says(options.command, "--resume"))
        line.insert(line.end(), {"--resume", "auto", "--elastic"});
    return line;
}

int code_of(const Attempt& attempt) {
    return attempt.failed && attempt.failed->exit_code != 0 ? attempt.failed->exit_code : attempt.code;
}

bool worth_restarting(const Attempt& attempt) {
    const int code = code_of(attempt);
    if (attempt.code == kSuccess || is_final(code)) return false;
    // A launcher that cannot start anything says 1 or so, and says it again.
    return attempt.failed.has_value() || code == kPeerLost || code == kIoFailure || code > 128;
}

std::optional<std::size_t> host_of(const std::vector<Host>& hosts, int rank) {
    for (std::size_t h = 0; h < hosts.size(); rank -= hosts[h++].ranks)
        if (rank < hosts[h].ranks) return h;
    return std::nullopt;
}

std::vector<Host> hosts_left(std::vector<Host> hosts, const Attempt& attempt, bool reachable, bool same_ranks) {
    const auto host = attempt.failed ? host_of(hosts, attempt.failed->rank) : std::nullopt;
    if (!host || (reachable && same_ranks)) return hosts;
    hosts[*host].ranks = reachable ? hosts[*host].ranks - 1 : 0;
    std::erase_if(hosts, [](const Host& h) { return h.ranks == 0; });
    return hosts;
}

}  // namespace keel::cli
