#include "distributed/heartbeat/heartbeat_children.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace keel {
namespace {

/// Seconds for a newcomer to say who it is, and how many there may be beside the ranks.
constexpr double kPatience = 5;
constexpr std::size_t kStrangers = 64;

}  // namespace

void add_socket(std::vector<pollfd>& list, const FrameStream& stream) {
    if (stream.open())
        list.push_back({stream.descriptor(), static_cast<short>(POLLIN | (stream.flushed() ? 0 : POLLOUT)), 0});
}

bool drain(FrameStream& stream) {
    if (stream.flush()) stream.shut_down();
    while (stream.receive()) {
    }
    return !stream.open();
}

HeartbeatChildren::HeartbeatChildren(std::vector<Child> children, Descriptor listener, const HubAddress& address)
    : listener_(std::move(listener)), address_(address), children_(std::move(children)) {}

void HeartbeatChildren::admit(double now, std::span<const Frame> last_words) {
    if (!listener_) return;
    while (Descriptor socket = tcp::accept(listener_)) {
        newcomers_.push_back({FrameStream(std::move(socket)), now});
        if (newcomers_.size() > children_.size() + kStrangers) newcomers_.erase(newcomers_.begin());
    }
    for (Newcomer& newcomer : newcomers_) {
        const std::optional<Frame> hello = newcomer.stream.receive();
        if (!hello) continue;
        const auto child = std::ranges::find(children_, hello->rank, &Child::rank);
        if (hello->kind == FrameKind::hello && hello->token == address_.hello && child != children_.end() &&
            !child->connected) {
            newcomer.stream.send({.kind = FrameKind::welcome, .token = address_.welcome});
            for (const Frame& frame : last_words) newcomer.stream.send(frame);
            child->stream = std::exchange(newcomer.stream, {});
            child->connected = true;
            child->heard = now;
        }
        newcomer.stream.close();
    }
    std::erase_if(newcomers_, [&](const Newcomer& n) { return !n.stream.open() || now - n.since > kPatience; });
    if (std::ranges::all_of(children_, &Child::connected)) {
        listener_ = {};
        newcomers_.clear();
    }
}

void HeartbeatChildren::listen(double now, const Take& take) {
    for (Child& child : children_) {
        while (const std::optional<Frame> frame = child.stream.receive()) {
            child.heard = now;
            take(child, *frame);
        }
        child.closed = child.connected && !child.stream.open();
    }
}

void HeartbeatChildren::tell(const Frame& frame) {
    for (Child& child : children_)
        if (child.stream.open()) child.stream.send(frame);
}

void HeartbeatChildren::tell(std::span<const Frame> frames) {
    for (const Frame& frame : frames) tell(frame);
}

void HeartbeatChildren::beat(const Frame& frame) {
    for (Child& child : children_)
        if (child.stream.flush() && child.stream.open()) child.stream.send(frame);
}

void HeartbeatChildren::forgive(double now) {
    for (Child& child : children_) child.heard = now;
}

void HeartbeatChildren::add_sockets(std::vector<pollfd>& list) const {
    if (listener_) list.push_back({listener_.get(), POLLIN, 0});
    for (const Newcomer& newcomer : newcomers_) add_socket(list, newcomer.stream);
    for (const Child& child : children_) add_socket(list, child.stream);
}

bool HeartbeatChildren::part(double now, std::span<const Frame> last_words) {
    // Ranks that were still on their way learn why there is nobody.
    admit(now, last_words);
    bool closed = !listener_;
    for (Child& child : children_)
        if (child.stream.open()) closed = drain(child.stream) && closed;
    return closed;
}

}  // namespace keel
