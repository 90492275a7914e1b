// What ended a run of several ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keel {

/// Where in a run a rank is. Negative numbers: before the first step, at no bucket.
struct RunPlace {
    std::int64_t step = -1;
    std::int32_t bucket = -1;
    bool operator==(const RunPlace&) const = default;
};

/// Returns "step 12, bucket 4", "step 12" or "the start".
std::string text(const RunPlace& place);

enum class FailureKind : std::uint8_t {
    died,     ///< its connection closed without a farewell
    silent,   ///< it sends nothing: stopped, or its host or the way to it is gone
    left,     ///< it ended on its own while others need it
    late,     ///< others have waited for it until their deadline
    stuck,    ///< all ranks are in a collective and it does not end; no rank to blame (-1)
    missing,  ///< it did not come to the start; -1: nobody knows which
};

struct RankFailure {
    FailureKind kind = FailureKind::died;
    int rank = -1;
    std::string host = {};
    RunPlace place = {};  ///< where the rank was when it was last heard of; for late and stuck: where the others wait
    double seconds = 0;   ///< silent, late, stuck, missing: for so long
    int exit_code = 0;    ///< left: what the rank is about to end with

    /// Returns one sentence that names rank, host, step and bucket.
    std::string text() const;
};

/// A failure as it is read back from a line.
struct FailedRank {
    int rank = 0;
    std::string host = {};
    int exit_code = 0;  ///< of a rank that left; 0: it did not say
};
/// Returns the rank that a line blames which holds a text() of above; none where it holds none or blames no rank.
std::optional<FailedRank> failed_rank(std::string_view line);

}  // namespace keel
