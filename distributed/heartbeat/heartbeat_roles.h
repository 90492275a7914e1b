// The two sides of a heartbeat: rank 0 and the others. Each does a turn of work whenever something came or a beat is
// due, and never waits.
#pragma once

#include <poll.h>

#include <optional>
#include <string>
#include <vector>

#include "distributed/heartbeat/frame_stream.h"
#include "distributed/heartbeat/heartbeat_address.h"
#include "distributed/heartbeat/rank_watch.h"

namespace keel {

/// What this rank has to say of itself, and when.
struct OwnReport {
    Beat own;
    std::optional<int> exit_code;  ///< it leaves early
    double now = 0;                ///< seconds
    bool beat = false;             ///< it is time to say it
};

/// Rank 0.
class Hub {
public:
    Hub(tcp::Descriptor listener, const HubAddress& address, std::vector<std::string> hosts, const WatchLimits& limits,
        double now);

    void turn(const OwnReport& report);
    /// Time went by in which this process was stopped: nobody is judged by it.
    void forgive(double now);
    std::optional<RankFailure> failure() const { return failure_; }
    bool finished() const { return finished_; }
    void add_sockets(std::vector<pollfd>& list) const;
    /// Makes sure that the last words arrive: true when all others have closed.
    bool part(double now);

private:
    struct Newcomer {
        FrameStream stream;
        double since;
    };
    void admit(double now);
    void listen_to(std::size_t rank, double now);
    void tell_all(const Frame& frame);

    tcp::Descriptor listener_;
    HubAddress address_;
    WatchLimits limits_;
    double started_;
    std::vector<RankState> states_;
    std::vector<FrameStream> peers_;  // by rank; the first stays closed
    std::vector<Newcomer> newcomers_;
    std::optional<RankFailure> failure_;
    bool finished_ = false;
};

/// Every other rank.
class Spoke {
public:
    Spoke(FrameStream hub, std::vector<std::string> hosts, const WatchLimits& limits, double now);

    void turn(const OwnReport& report);
    void forgive(double now) { heard_ = now; }
    std::optional<RankFailure> failure() const { return failure_; }
    bool finished() const { return finished_; }
    void add_sockets(std::vector<pollfd>& list) const;
    bool part(double now);

private:
    void listen(double now);

    FrameStream hub_;
    std::vector<std::string> hosts_;
    WatchLimits limits_;
    double heard_;
    Beat beat_;  // of rank 0
    std::optional<RankFailure> failure_;
    bool finished_ = false;
};

}  // namespace keel
