#include "distributed/heartbeat/frame_stream.h"

namespace keel {

void FrameStream::send(const Frame& frame) {
    const FrameBytes bytes = encode(frame);
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    flush();
}

bool FrameStream::flush() {
    if (!open() || out_.empty()) return true;
    const std::ptrdiff_t sent = tcp::send(socket_, out_);
    if (sent < 0)
        out_.clear();  // receive() still gets what the other side said before it went
    else
        out_.erase(out_.begin(), out_.begin() + sent);
    return out_.empty();
}

std::optional<Frame> FrameStream::receive() {
    if (!open()) return std::nullopt;
    const std::ptrdiff_t got = tcp::receive(socket_, std::span(in_).subspan(have_));
    if (got < 0) {
        close();
        return std::nullopt;
    }
    have_ += static_cast<std::size_t>(got);
    if (have_ < kFrameBytes) return std::nullopt;
    have_ = 0;
    const std::optional<Frame> frame = decode(in_);
    if (!frame) close();
    return frame;
}

}  // namespace keel
