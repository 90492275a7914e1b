#include "distributed/rank_failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace keel {
namespace {

/// What follows "rank N on HOST " for each kind that blames one.
constexpr std::array<std::string_view, 5> kVerbs{"died", "is silent", "left", "keeps the others waiting",
                                                 "did not come"};

}  // namespace

std::string text(const RunPlace& place) {
    if (place.step < 0) return "the start";
    return place.bucket < 0 ? fmt::format("step {}", place.step)
                            : fmt::format("step {}, bucket {}", place.step, place.bucket);
}

std::string RankFailure::text() const {
    const std::string who = fmt::format("rank {} on {}", rank, host), where = keel::text(place);
    switch (kind) {
        case FailureKind::died:
            return fmt::format("{} died, last heard of at {}", who, where);
        case FailureKind::silent:
            return fmt::format("{} is silent for {:.1f} s (stopped, or cut off), last heard of at {}", who, seconds,
                               where);
        case FailureKind::left:
            return fmt::format("{} left early at {} with exit code {}", who, where, exit_code);
        case FailureKind::late:
            return fmt::format("{} keeps the others waiting for {:.1f} s at {}", who, seconds, where);
        case FailureKind::stuck:
            return fmt::format("{} is not done after {:.1f} s though all ranks are in it", where, seconds);
        case FailureKind::missing:
            return fmt::format("{} did not come to the start within {:.1f} s",
                               rank < 0 ? std::string("some rank") : who, seconds);
    }
    return who;
}

std::optional<FailedRank> failed_rank(std::string_view line) {
    constexpr std::string_view kRank = "rank ", kOn = " on ", kCode = "with exit code ";
    // The line may speak of the rank that wrote it first.
    for (std::size_t at = line.find(kRank); at != std::string_view::npos; at = line.find(kRank, at + 1)) {
        const std::string_view rest = line.substr(at + kRank.size());
        FailedRank found;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), found.rank);
        if (error != std::errc() || found.rank < 0) continue;
        std::string_view tail = rest.substr(static_cast<std::size_t>(end - rest.data()));
        if (!tail.starts_with(kOn)) continue;
        tail.remove_prefix(kOn.size());
        const std::size_t space = tail.find(' ');
        if (space == std::string_view::npos || space == 0) continue;
        found.host = tail.substr(0, space);
        tail.remove_prefix(space + 1);
        if (std::ranges::none_of(kVerbs, [&](std::string_view verb) { return tail.starts_with(verb); })) continue;
        if (const std::size_t code = tail.find(kCode); code != std::string_view::npos)
            std::from_chars(tail.data() + code + kCode.size(), tail.data() + tail.size(), found.exit_code);
        return found;
    }
    return std::nullopt;
}

}  // namespace keel
