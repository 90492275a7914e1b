// No silent hang: the ranks of a run tell each other over TCP, beside MPI, that they live and where they are. The
// thread that does so works whatever the others are blocked in.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "distributed/heartbeat/rank_watch.h"
#include "distributed/heartbeat/tcp.h"
#include "distributed/rank_failure.h"

namespace keel {

struct HeartbeatOptions {
    int rank = 0, size = 1;
    WatchLimits limits = {};
    double interval = 0.5;  ///< seconds between beats
    int arity = 0;          ///< ranks that talk to each at most; 0: all to rank 0 up to 64, else a tree of 32
};

/// All ranks talk to rank 0, which judges (distributed/heartbeat/rank_watch.h) and tells all others; rank 0 itself is
/// watched by each of them. Of more than 64 ranks most talk to others in between
/// (distributed/heartbeat/heartbeat_tree.h), which watch them, pass on what they say and are watched by them in turn. A
/// process that dies is noticed at once, since its connection closes, one that is stopped or cut off after
/// `limits.silence`, a rank that does not come to a collective at the deadline of those that wait in it. A process that
/// was stopped itself and goes on does not judge by the time that it missed.
///
/// One port of each rank that others talk to is open until those are there; who does not know its token is
/// disconnected.
class Heartbeat {
public:
    /// Called by all ranks at once: exchanges texts with the ranks `with`, each of which names this one, and returns
    /// theirs. May be World::exchange_texts(); must not fail silently.
    using Exchange = std::function<std::vector<std::string>(const std::vector<int>& with, const std::string& mine)>;
    /// Called once at most, on the heartbeat's own thread, when the run cannot go on. What else runs in this process
    /// may be blocked for ever: a program prints the text and ends here. Nothing of the heartbeat may be called.
    using OnFailure = std::function<void(const RankFailure&)>;
    /// Called as soon as a failure is known, up to half a second before OnFailure: MPICH's launcher kills this
    /// process within milliseconds after another one has died.
    using OnNotice = std::function<void(const RankFailure&)>;

    /// All ranks at once. Returns when the rank that this one talks to has been reached; who does not come within
    /// limits.start is a failure, too. Throws IoError where it cannot be reached at all, and where the exchange gave no
    /// sense.
    Heartbeat(const HeartbeatOptions& options, const Exchange& exchange, OnFailure on_failure, OnNotice on_notice = {});

    /// Does nothing after finish(); else the others learn that this rank left early.
    ~Heartbeat();
    Heartbeat(const Heartbeat&) = delete;
    Heartbeat& operator=(const Heartbeat&) = delete;

    /// This rank enters a collective that all ranks enter in the same order, and expects to be out again in so many
    /// seconds. From any thread, one at a time.
    void enter(const RunPlace& place, double deadline_seconds);
    void leave();

    /// Where this rank is between collectives, for messages.
    void at(const RunPlace& place);

    /// This rank is done. Returns when all are; throws IoError with the failure's text where one fails before.
    void finish();

    /// This rank is about to end with this exit code though others may need it: they learn it at once. Takes half a
    /// second at most.
    void abandon(int exit_code);

private:
    struct Report {
        Beat beat;
        std::optional<int> exit_code;
    };
    Report report(double now);
    template <class Role>
    void run(Role role);
    void wake();
    void notice(const RankFailure& failure) const;
    void end(std::optional<RankFailure> failure);

    HeartbeatOptions options_;
    OnFailure on_failure_;
    OnNotice on_notice_;

    std::mutex mutex_;
    std::condition_variable ended_;
    Report own_;
    double entered_ = 0, deadline_ = 0;
    bool over_ = false;
    std::optional<RankFailure> failure_;

    Descriptor wake_;
    std::thread thread_;
};

}  // namespace keel
