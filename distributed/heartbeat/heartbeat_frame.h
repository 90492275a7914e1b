// What ranks say to each other beside MPI: frames of one size, so that a reader can neither wait for a length nor
// allocate by one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "distributed/heartbeat/rank_watch.h"

namespace keel {

using Token = std::array<std::uint8_t, 16>;

enum class FrameKind : std::uint8_t { hello = 1, welcome, beat, farewell, failure, all_done };

/// One message. Which members count depends on the kind: hello (rank, token), welcome (token), beat (beat), farewell
/// (beat.place, exit_code), failure (all of it but its host, which each rank knows).
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

}  // namespace keel
