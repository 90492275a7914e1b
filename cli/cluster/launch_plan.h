// What keel launch decides; nothing here starts anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "distributed/planning/mpirun_words.h"
#include "distributed/rank_failure.h"

namespace keel::cli {

/// A host and how many ranks it runs. The one host without a name is this machine.
struct Host {
    std::string name;
    int ranks = 1;
    bool operator==(const Host&) const = default;
};

/// "node1:2,node2" with `ranks` for hosts that do not say how many. Throws UsageError.
std::vector<Host> parse_hosts(const std::string& text, int ranks);

int rank_count(const std::vector<Host>& hosts);

/// Returns groups of `ranks` ranks each, cut from the hosts one after the other: what is left over is in none.
std::vector<std::vector<Host>> divide_hosts(const std::vector<Host>& hosts, int ranks);

struct LaunchOptions {
    std::vector<std::string> mpirun{"mpirun"};  ///< program and its own arguments
    std::string keel = "keel";                  ///< this program
    std::vector<std::string> command;           ///< "train", ...
    bool oversubscribe = false;
    MpiMake make = MpiMake::open_mpi_4;  ///< whose words the launcher understands
};

/// The words of the line that starts the ranks, filled host by host. `keel train` goes on with its newest checkpoint,
/// on however many ranks, unless the command says something else.
std::vector<std::string> launch_line(const LaunchOptions& options, const std::vector<Host>& hosts);

/// How an attempt ended: the launcher's exit code (128 + signal where one ended it), and the first rank that a line
/// blamed.
struct Attempt {
    int code = 0;
    std::optional<FailedRank> failed = {};
};

/// Returns whether another attempt may help: a rank was lost, or the disk refused. Not after success, a usage error,
/// bad input, divergence, a signal, nor where a rank left for such a reason.
bool worth_restarting(const Attempt& attempt);

/// The exit code that an attempt stands for: that of the rank that left, else the launcher's.
int code_of(const Attempt& attempt);

/// Which of `hosts` a rank is on; none where there are not so many.
std::optional<std::size_t> host_of(const std::vector<Host>& hosts, int rank);

/// Returns the hosts that are left after a failure: without the failed rank's host if that is not reachable, else with
/// one rank less on it, or, if `same_ranks`, unchanged. Hosts that nobody blamed stay.
std::vector<Host> hosts_left(std::vector<Host> hosts, const Attempt& attempt, bool reachable, bool same_ranks);

}  // namespace keel::cli
