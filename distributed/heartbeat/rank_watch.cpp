#include "distributed/heartbeat/rank_watch.h"

#include <algorithm>

namespace keel {
namespace {

RankFailure failure(FailureKind kind, std::span<const RankState> ranks, std::size_t rank, double seconds = 0) {
    return {.kind = kind,
            .rank = static_cast<int>(rank),
            .host = ranks[rank].host,
            .place = ranks[rank].beat.place,
            .seconds = seconds,
            .exit_code = ranks[rank].exit_code.value_or(0)};
}

/// A rank waits past its deadline: for one that has not come, or for the wire.
RankFailure blame(std::span<const RankState> ranks, const Beat& waiting) {
    std::size_t last = 0;
    for (std::size_t r = 0; r < ranks.size(); ++r)
        if (ranks[r].beat.collectives < ranks[last].beat.collectives) last = r;
    const bool late = ranks[last].beat.collectives < waiting.collectives;
    RankFailure result = failure(late ? FailureKind::late : FailureKind::stuck, ranks, last, waiting.waited);
    result.place = waiting.place;
    if (!late) result.rank = -1;
    return result;
}

}  // namespace

std::optional<RankFailure> judge(std::span<const RankState> ranks, double started, double now,
                                 const WatchLimits& limits) {
    std::int64_t entered = 0;  // by those that are inside
    for (const RankState& rank : ranks)
        if (rank.beat.inside) entered = std::max(entered, rank.beat.collectives);
    for (std::size_t r = 0; r < ranks.size(); ++r) {
        const RankState& rank = ranks[r];
        if (rank.exit_code) return failure(FailureKind::left, ranks, r);
        if (rank.closed && (!rank.beat.done || rank.relays)) return failure(FailureKind::died, ranks, r);
    }
    for (std::size_t r = 0; r < ranks.size(); ++r)
        if (ranks[r].beat.done && ranks[r].beat.collectives < entered) return failure(FailureKind::left, ranks, r);
    for (std::size_t r = 0; r < ranks.size(); ++r) {
        const RankState& rank = ranks[r];
        if (!rank.connected && now - started > limits.start)
            return failure(FailureKind::missing, ranks, r, now - started);
        if (rank.silence > 0) return failure(FailureKind::silent, ranks, r, rank.silence);
        if (rank.connected && !rank.closed && now - rank.heard > limits.silence)
            return failure(FailureKind::silent, ranks, r, now - rank.heard);
    }
    for (const RankState& rank : ranks)
        if (rank.beat.inside && rank.beat.overdue) return blame(ranks, rank.beat);
    return std::nullopt;
}

bool all_done(std::span<const RankState> ranks) {
    return std::ranges::all_of(ranks, [](const RankState& rank) { return rank.beat.done; });
}

}  // namespace keel
