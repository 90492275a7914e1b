// Frames over a connection that never makes anybody wait.
#pragma once

#include <optional>
#include <vector>

#include "distributed/heartbeat/heartbeat_frame.h"
#include "distributed/heartbeat/tcp.h"

namespace keel {

class FrameStream {
public:
    FrameStream() = default;
    explicit FrameStream(Descriptor socket) : socket_(std::move(socket)) {}

    bool open() const { return static_cast<bool>(socket_); }
    int descriptor() const { return socket_.get(); }
    void close() { socket_ = {}; }

    /// Sends what the other side takes now and keeps the rest for flush().
    void send(const Frame& frame);
    /// True if all that was sent is on its way.
    bool flush();
    bool flushed() const { return out_.empty(); }
    void shut_down() { tcp::shut_down(socket_); }

    /// The next whole frame, none where there is none yet. Closes where the other side has, or sends what is no frame.
    std::optional<Frame> receive();

private:
    Descriptor socket_;
    std::vector<std::uint8_t> out_;
    FrameBytes in_{};
    std::size_t have_ = 0;
};

}  // namespace keel
