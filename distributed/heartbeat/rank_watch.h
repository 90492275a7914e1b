// Who is to blame, from what is known of all ranks: the judgement apart from sockets and clocks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "distributed/rank_failure.h"

namespace keel {

/// What a rank says of itself in each beat.
struct Beat {
    RunPlace place = {};
    std::int64_t collectives = 0;  ///< entered so far
    bool inside = false;           ///< of the last one entered
    bool done = false;             ///< it needs the others no more
    double waited = 0;             ///< seconds in the collective it is in
    bool overdue = false;          ///< longer than its deadline
};

/// What rank 0 knows of one rank.
struct RankState {
    std::string host = {};
    bool connected = false, closed = false;
    bool relays = false;                ///< other ranks are heard through it alone
    double silence = 0;                 ///< seconds, where the rank that hears it says that it is silent
    std::optional<int> exit_code = {};  ///< of a farewell
    double heard = 0;                   ///< when, on the clock of `now` below
    Beat beat = {};
};

struct WatchLimits {
    double silence = 8;  ///< seconds without a beat after which a rank is given up
    double start = 20;   ///< seconds for all ranks to find each other
};

/// Returns the failure that ends the run, none while all is well; `started` and `now` are seconds on one clock. Causes
/// come before consequences: a rank that died or left before those that are late or silent. A rank that is done is
/// needed no more, unless another one is in a collective that it did not enter. A pure function.
std::optional<RankFailure> judge(std::span<const RankState> ranks, double started, double now,
                                 const WatchLimits& limits);

/// Returns whether all ranks are done.
bool all_done(std::span<const RankState> ranks);

}  // namespace keel
