// How the ranks find the one that they talk to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "distributed/heartbeat/frame_stream.h"
#include "distributed/heartbeat/heartbeat_frame.h"

namespace keel {

/// Where a rank listens, and the words by which the two sides of a connection know each other: `hello` is what the one
/// that comes says, `welcome` what it is answered.
struct HubAddress {
    std::string host = {};
    std::uint16_t port = 0;
    Token hello{}, welcome{};
    std::vector<std::string> addresses = {};
};

/// Returns the address as one line of text, and reads that of `rank` back. Throws IoError where a text is none.
std::string to_text(const HubAddress& hub);
HubAddress hub_of(const std::string& text, int rank);

/// Random tokens of the system. Throws IoError.
void draw_tokens(HubAddress& hub);

/// The host that a rank's text begins with.
std::string host_of(const std::string& text);

/// Connects `rank` to `parent` on whichever of its addresses answers with the right word. Throws IoError after so many
/// seconds.
FrameStream reach(const HubAddress& hub, int parent, int rank, double seconds);

}  // namespace keel
