// What a stranger may send to the port of the heartbeats, and the line that says where it is.
#include <algorithm>
#include <array>
#include <string>

#include "distributed/heartbeat/heartbeat_address.h"
#include "distributed/heartbeat/heartbeat_frame.h"
#include "distributed/heartbeat/rank_watch.h"
#include "tests/fuzz/target.h"

using namespace keel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::accept_or_refuse<IoError>([&] {
        const HubAddress hub = hub_of({reinterpret_cast<const char*>(data), size}, 0);
        const HubAddress again = hub_of(to_text(hub), 0);
        fuzz::require(again.host == hub.host && again.port == hub.port && again.addresses == hub.addresses,
                      "another address");
    });

    std::array<RankState, 4> ranks;
    double now = 0;
    for (std::size_t r = 0; size >= kFrameBytes; ++r, data += kFrameBytes, size -= kFrameBytes) {
        const auto frame = decode(std::span<const std::uint8_t, kFrameBytes>(data, kFrameBytes));
        if (!frame) continue;
        fuzz::require(std::ranges::equal(encode(*frame), std::span(data, kFrameBytes)),
                      "a frame that is encoded otherwise");
        RankState& state = ranks[r % ranks.size()];
        state.connected = true;
        state.heard = now++;
        state.beat = frame->beat;
        if (frame->kind == FrameKind::farewell) state.exit_code = frame->exit_code;
        const auto failure = judge(ranks, 0, now, {});
        fuzz::require(!failure || (failure->rank >= -1 && failure->rank < static_cast<int>(ranks.size())),
                      "blame on nobody");
    }
    return 0;
}
