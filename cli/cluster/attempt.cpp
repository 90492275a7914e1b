#include "cli/cluster/attempt.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>

#include "cli/cluster/exit_code.h"
#include "cli/cluster/signals.h"
#include "distributed/mpi/mpi_communicator.h"
#include "distributed/processes/child.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// How long mpirun may take to end once a rank is lost: it waits for ever for a host that is gone.
constexpr auto kPatience = 15s;
constexpr auto kProbe = 15s;
/// How long mpirun may stay when its last rank has ended: then it only waits for the time that it gave them.
constexpr auto kAlone = 1s;

/// The exit code in what MPI_Abort says: "... with errorcode 2."
std::optional<int> aborted_with(const std::string& line) {
    constexpr std::string_view kMark = "with errorcode ";
    const std::size_t at = line.find(kMark);
    int code = 0;
    if (at == std::string::npos) return std::nullopt;
    const char* const digits = line.data() + at + kMark.size();
    return std::from_chars(digits, line.data() + line.size(), code).ec == std::errc() ? std::optional(code)
                                                                                      : std::nullopt;
}

/// Notices when mpirun has been without ranks for kAlone.
class Loneliness {
public:
    bool lasts(const Child& mpirun) {
        const bool ranks = mpirun.has_children();
        had_ = had_ || ranks;
        const bool alone = had_ && !ranks;
        if (alone && !alone_) since_ = Clock::now();
        alone_ = alone;
        return alone && Clock::now() > since_ + kAlone;
    }

private:
    bool had_ = false, alone_ = false;
    Clock::time_point since_;
};

}  // namespace

Attempt attempt(const LaunchOptions& options, const std::vector<Host>& hosts, bool mute) {
    Attempt result;
    Child child(launch_line(options, hosts), mute ? ChildOutput::stderr_of_parent : ChildOutput::stdout_of_parent);
    bool told = false, pressed = false;
    std::optional<Clock::time_point> lost;
    std::optional<int> aborted, ended;
    Loneliness loneliness;
    const auto line = [&](const std::string& text) {
        std::fputs(text.c_str(), stderr);
        if (!result.failed && (result.failed = failed_rank(text))) lost = Clock::now();
        if (!aborted) aborted = aborted_with(text);
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
        // Why its ranks ended is known then.
        if (!ended && (aborted || lost || told) && loneliness.lasts(child)) {
            ended = aborted ? *aborted : lost ? static_cast<int>(kPeerLost) : exit_code_of(stop_signal());
            child.kill();
        }
    }
    result.code = ended.value_or(child.code());
    if (result.code == 127 && !result.failed)
        throw UsageError(fmt::format("[launch] cannot start '{}': is Open MPI there?", options.mpirun.front()));
    return result;
}

void take_launcher(LaunchOptions& options, const std::string& mpirun) {
    std::istringstream in(mpirun);
    options.mpirun.clear();
    for (std::string word; in >> word;) options.mpirun.push_back(word);
    if (options.mpirun.empty()) throw UsageError("[launch] mpirun: wanted a program, got nothing");
    std::error_code refused;
    options.keel = std::filesystem::read_symlink("/proc/self/exe", refused).string();
    if (refused) throw IoError("[launch] cannot find this program: " + refused.message());
    options.make = mpi_make(mpi_library());
}

void give_time() {
    for (const char* variable : {"OMPI_MCA_odls_base_sigkill_timeout", "PRTE_MCA_odls_base_sigkill_timeout"})
        ::setenv(variable, "10", 0);
}

bool reachable(const LaunchOptions& options, const std::string& host) {
    if (host.empty()) return true;
    std::vector<std::string> line = options.mpirun;
    line.insert(line.end(), {"-np", "1", options.make == MpiMake::mpich ? "-hosts" : "--host", host, "true"});
    Child child(line, ChildOutput::stderr_of_parent);
    const auto until = Clock::now() + kProbe;
    while (child.wait(100ms, [](const std::string&) {}))
        if (Clock::now() > until) return false;
    return child.code() == 0;
}

}  // namespace keel::cli
