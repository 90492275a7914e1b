// What ranks say to each other beside MPI: frames of one size, so that a reader can neither wait for a length nor
// allocate by one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "distributed/heartbeat/rank_watch.h"

namespace keel {

using Token = std::array<std::uint8_t, 16>;

enum class FrameKind : std::uint8_t { hello = 1, welcome, beat, farewell, failure, all_done, lost, host };

/// One message. Which members count depends on the kind: hello (rank, token), welcome (token), beat (rank, beat),
/// farewell (rank, beat.place, exit_code), failure (all of it but its host, which comes before it), lost (a rank that
/// the one it talks to misses: rank, failure, seconds in beat.waited), host (rank; token holds the bytes of its host's
/// name from exit_code on).
struct Frame {
    FrameKind kind = FrameKind::beat;
    std::int32_t rank = 0;
    std::int32_t exit_code = 0;
    FailureKind failure = FailureKind::died;
    Beat beat = {};  ///< of a failure: its place, and its seconds in `waited`
    Token token{};
};

constexpr std::size_t kFrameBytes = 64;
using FrameBytes = std::array<std::uint8_t, kFrameBytes>;

/// Little-endian, whatever the machine.
FrameBytes encode(const Frame& frame);

/// The frame of these bytes; none where they are no frame.
std::optional<Frame> decode(std::span<const std::uint8_t, kFrameBytes> bytes);

/// Returns the frames that say the name of a rank's host, of which 128 bytes count.
std::vector<Frame> host_frames(int rank, const std::string& host);
/// Adds what a frame of a host's name says to `name`, which the first one begins anew. What fits nowhere is ignored.
void add_host(std::string& name, const Frame& frame);

}  // namespace keel
