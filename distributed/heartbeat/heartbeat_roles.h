// The two sides of a heartbeat: rank 0, which judges, and the others, which pass on what the ranks below them say. Each
// does a turn of work whenever something came or a beat is due, and never waits.
#pragma once

#include <poll.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "distributed/heartbeat/frame_stream.h"
#include "distributed/heartbeat/heartbeat_children.h"
#include "distributed/heartbeat/rank_watch.h"

namespace keel {

/// What this rank has to say of itself, and when.
struct OwnReport {
    Beat own;
    std::optional<int> exit_code;  ///< it leaves early
    double now = 0;                ///< seconds
    bool beat = false;             ///< it is time to say it
};

/// The ranks of a run and who talks to whom (distributed/heartbeat/heartbeat_tree.h).
struct HeartbeatTree {
    int rank = 0, size = 1, arity = 1;
};

/// Rank 0. Of ranks that talk to it through others it knows what those pass on; whether they live is watched there.
class Hub {
public:
    Hub(HeartbeatChildren children, const HeartbeatTree& tree, const std::string& host, const WatchLimits& limits,
        double now);

    void turn(const OwnReport& report);
    /// Time went by in which this process was stopped: nobody is judged by it.
    void forgive(double now);
    std::optional<RankFailure> failure() const { return failure_; }
    bool finished() const { return finished_; }
    void add_sockets(std::vector<pollfd>& list) const { children_.add_sockets(list); }
    /// Makes sure that the last words arrive: true when all others have closed.
    bool part(double now) { return children_.part(now, last_words_); }

private:
    void take(int child, const Frame& frame);

    HeartbeatChildren children_;
    HeartbeatTree tree_;
    WatchLimits limits_;
    double started_;
    std::vector<RankState> states_;
    std::vector<Frame> last_words_;
    std::optional<RankFailure> failure_;
    bool finished_ = false;
};

/// Every other rank.
class Spoke {
public:
    /// `parent` is the connection to the rank that this one talks to, on the host `parent_host`.
    Spoke(FrameStream parent, const std::string& parent_host, HeartbeatChildren children, const HeartbeatTree& tree,
          const WatchLimits& limits, double now);

    void turn(const OwnReport& report);
    void forgive(double now);
    std::optional<RankFailure> failure() const { return failure_; }
    bool finished() const { return finished_; }
    void add_sockets(std::vector<pollfd>& list) const;
    bool part(double now);

private:
    void listen_above(double now);
    void listen_below(double now);
    void take(int child, const Frame& frame);
    void pass_on();
    void end(const RankFailure& failure);

    FrameStream parent_;
    std::string parent_host_;
    HeartbeatChildren children_;
    HeartbeatTree tree_;
    WatchLimits limits_;
    double heard_;
    Beat beat_;                    // of the parent
    std::map<int, Beat> pending_;  // what ranks below have said since it was passed on: the newest of each
    bool urgent_ = false;          // some of it does not wait for the next beat
    std::set<int> done_, lost_;    // ranks that said that they are done; children that were reported
    std::string blamed_host_;
    std::vector<Frame> last_words_;
    std::optional<RankFailure> failure_;
    bool finished_ = false;
};

}  // namespace keel
