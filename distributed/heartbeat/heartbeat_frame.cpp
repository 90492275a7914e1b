#include "distributed/heartbeat/heartbeat_frame.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace keel {
namespace {

constexpr std::uint32_t kMagic = 0x3242484B;  // "KHB2"

constexpr std::size_t kMostHostBytes = 128;

enum Flags : std::uint8_t { kInside = 1, kDone = 2, kOverdue = 4, kAllFlags = 7 };

template <class T>
void put(FrameBytes& bytes, std::size_t& at, T value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i, bits >>= 8) bytes[at++] = static_cast<std::uint8_t>(bits);
}

template <class T>
T take(std::span<const std::uint8_t, kFrameBytes> bytes, std::size_t& at) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) bits |= std::uint64_t{bytes[at++]} << (8 * i);
    return static_cast<T>(bits);
}

}  // namespace

FrameBytes encode(const Frame& frame) {
    FrameBytes bytes{};
    std::size_t at = 0;
    const Beat& beat = frame.beat;
    put(bytes, at, kMagic);
    put(bytes, at, static_cast<std::uint8_t>(frame.kind));
    put(bytes, at, static_cast<std::uint8_t>(frame.failure));
    put(bytes, at,
        static_cast<std::uint8_t>((beat.inside ? kInside : 0) | (beat.done ? kDone : 0) |
                                  (beat.overdue ? kOverdue : 0)));
    put(bytes, at, std::uint8_t{0});
    put(bytes, at, frame.rank);
    put(bytes, at, frame.exit_code);
    put(bytes, at, beat.place.step);
    put(bytes, at, beat.collectives);
    put(bytes, at, std::bit_cast<std::uint64_t>(beat.waited));
    put(bytes, at, beat.place.bucket);
    std::ranges::copy(frame.token, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return bytes;
}

std::optional<Frame> decode(std::span<const std::uint8_t, kFrameBytes> bytes) {
    std::size_t at = 0;
    if (take<std::uint32_t>(bytes, at) != kMagic) return std::nullopt;
    const auto kind = take<std::uint8_t>(bytes, at), failure = take<std::uint8_t>(bytes, at),
               flags = take<std::uint8_t>(bytes, at);
    if (kind < static_cast<std::uint8_t>(FrameKind::hello) || kind > static_cast<std::uint8_t>(FrameKind::host) ||
        failure > static_cast<std::uint8_t>(FailureKind::missing) || flags > kAllFlags ||
        take<std::uint8_t>(bytes, at) != 0)
        return std::nullopt;
    Frame frame;
    frame.kind = static_cast<FrameKind>(kind);
    frame.failure = static_cast<FailureKind>(failure);
    frame.rank = take<std::int32_t>(bytes, at);
    frame.exit_code = take<std::int32_t>(bytes, at);
    Beat& beat = frame.beat;
    beat.inside = (flags & kInside) != 0;
    beat.done = (flags & kDone) != 0;
    beat.overdue = (flags & kOverdue) != 0;
    beat.place.step = take<std::int64_t>(bytes, at);
    beat.collectives = take<std::int64_t>(bytes, at);
    beat.waited = std::bit_cast<double>(take<std::uint64_t>(bytes, at));
    beat.place.bucket = take<std::int32_t>(bytes, at);
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), frame.token.size(), frame.token.begin());
    at += frame.token.size();
    if (!std::isfinite(beat.waited) || beat.waited < 0) return std::nullopt;
    for (; at < kFrameBytes; ++at)
        if (bytes[at] != 0) return std::nullopt;
    return frame;
}

std::vector<Frame> host_frames(int rank, const std::string& host) {
    std::vector<Frame> frames;
    const std::size_t length = std::min(host.size(), kMostHostBytes);
    for (std::size_t at = 0; at == 0 || at < length; at += Token{}.size()) {
        Frame frame{.kind = FrameKind::host, .rank = rank, .exit_code = static_cast<std::int32_t>(at)};
        const std::string piece = host.substr(at, std::min(frame.token.size(), length - at));
        std::ranges::copy(piece, frame.token.begin());
        frames.push_back(frame);
    }
    return frames;
}

void add_host(std::string& name, const Frame& frame) {
    if (frame.exit_code == 0) name.clear();
    if (frame.exit_code < 0 || static_cast<std::size_t>(frame.exit_code) != name.size() ||
        name.size() >= kMostHostBytes)
        return;
    // It stands between spaces in a line that programs read.
    for (const std::uint8_t byte : frame.token) {
        if (byte == 0) break;
        name += byte > ' ' && byte < 0x7F ? static_cast<char>(byte) : '_';
    }
}

}  // namespace keel
