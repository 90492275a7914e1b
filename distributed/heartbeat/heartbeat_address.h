// How the ranks find rank 0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "distributed/heartbeat/frame_stream.h"
#include "distributed/heartbeat/heartbeat_frame.h"

namespace keel {

/// Where rank 0 listens, and the words by which the two sides of a connection know each other: `hello` is what a rank
/// says, `welcome` what rank 0 answers.
struct HubAddress {
    std::string host = {};
    std::uint16_t port = 0;
    Token hello{}, welcome{};
    std::vector<std::string> addresses = {};
};

/// Returns the address as one line of text, and reads that back. Throws IoError where a text is none.
std::string to_text(const HubAddress& hub);
HubAddress hub_of(const std::string& text);

/// The host that a rank's text begins with.
std::string host_of(const std::string& text);

/// Random tokens of the system. Throws IoError.
void draw_tokens(HubAddress& hub);

/// Connects to rank 0 on whichever of its addresses answers with the right word. Throws IoError after so many seconds.
FrameStream reach(const HubAddress& hub, int rank, double seconds);

}  // namespace keel
