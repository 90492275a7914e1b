// Which processors of a node each of its ranks computes on, talks from and decodes on.
#pragma once

#include <string>
#include <vector>

#include "distributed/planning/mpirun_words.h"

#include "kernels/topology.h"

namespace keel {

/// What a node has for its ranks: the processors they may use (a cpuset or a batch system may hold back some), and a
/// quota of CPU time per time where a control group sets one (0: none).
struct NodeCores {
    std::vector<Cpu> cpus;
    double quota = 0;
};

struct CoreRequest {
    int ranks = 0;               ///< on this node; 0: as many as use its cores best
    int threads = 0;             ///< of each rank's compute team; 0: all cores that are its own
    bool alone = false;          ///< no rank talks to another: no core is kept for it
    bool oversubscribe = false;  ///< more threads than cores are what is wanted
};

/// One rank's share of the node. The lists hold numbers of processors.
struct RankCores {
    std::vector<int> sockets;        ///< where its cores are
    std::vector<int> compute;        ///< the processor of each thread of the team
    std::vector<int> communication;  ///< where the thread that talks to other ranks may run
    std::vector<int> loaders;        ///< where the threads that decode may run
};

struct CorePlan {
    std::vector<RankCores> ranks;
    int threads = 0;                ///< of each rank's team: the ranks are equals, for the slowest one sets the pace
    int cores = 0, idle_cores = 0;  ///< of the node, and those of them that no rank has
    bool own_core = false;          ///< each rank keeps one core free of its team, for talking and decoding
    bool oversubscribed = false;
    std::vector<std::string> notes;  ///< what should be known about it, one sentence each

    /// Returns the number of ranks whose first core is on that socket.
    int ranks_on_socket(int socket) const;
};

/// From how many cores a rank keeps one free of its team. Work is split evenly over the team, so that whoever disturbs
/// one of its threads holds up all: a core less costs 1/12 at most from here on.
constexpr int kCoresToSpareOne = 12;

/// Plans the cores of a node; a pure function.
///
/// Each rank gets cores of its own, all the same number and, where there are at least as many ranks as NUMA nodes, all
/// of one NUMA node; with fewer ranks, whole NUMA nodes. The team sits on the first hyper-thread of each core. Where
/// all cores have a second one, the communication thread has that of the rank's last core and the decoders those of the
/// others. Where not, a rank of kCoresToSpareOne cores or more keeps its last core for both, and a smaller one lets
/// them run on all its cores.
///
/// `ranks` = 0 takes one rank a NUMA node, or, where a cpuset made those unequal, as many as leave few cores idle (a
/// rank more has to put more than a core more to work).
///
/// Throws UsageError where ranks x threads exceed the cores or the quota, unless `oversubscribe`: then ranks share
/// cores in turn, and threads are one a rank where nobody says how many. Throws UsageError for negative numbers and for
/// a node without processors.
CorePlan plan_cores(const NodeCores& node, const CoreRequest& request);

/// Returns the processors as Linux writes them: "0-19,40-59"; "-" for none.
std::string cpu_list(std::vector<int> ids);

/// Return the command line by which a launcher runs the ranks of `plan` on each of `nodes` nodes. Keel binds its
/// threads itself: the launcher must leave all cores of the node to each rank. `command` follows: "keel train ...".
std::string mpirun_line(const CorePlan& plan, int nodes, const std::string& command,
                        MpiMake make = MpiMake::open_mpi_4);
std::string srun_line(const CorePlan& plan, int nodes, const std::string& command);

}  // namespace keel
