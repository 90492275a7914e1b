#include "distributed/heartbeat/heartbeat_roles.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace keel {
namespace {

/// Seconds for a newcomer to say who it is, and how many there may be beside the ranks.
constexpr double kPatience = 5;
constexpr std::size_t kStrangers = 64;

Frame frame_of(const RankFailure& failure) {
    return {.kind = FrameKind::failure,
            .rank = failure.rank,
            .exit_code = failure.exit_code,
            .failure = failure.kind,
            .beat = {.place = failure.place, .waited = failure.seconds}};
}

void add(std::vector<pollfd>& list, const FrameStream& stream) {
    if (stream.open())
        list.push_back({stream.descriptor(), static_cast<short>(POLLIN | (stream.flushed() ? 0 : POLLOUT)), 0});
}

/// Says no more and forgets what comes; true when the other side has closed.
bool drain(FrameStream& stream) {
    if (stream.flush()) stream.shut_down();
    while (stream.receive()) {
    }
    return !stream.open();
}

}  // namespace

Hub::Hub(tcp::Descriptor listener, const HubAddress& address, std::vector<std::string> hosts, const WatchLimits& limits,
         double now)
    : listener_(std::move(listener)),
      address_(address),
      limits_(limits),
      started_(now),
      states_(hosts.size()),
      peers_(hosts.size()) {
    for (std::size_t r = 0; r < hosts.size(); ++r) states_[r].host = std::move(hosts[r]);
    states_[0].connected = true;
}

void Hub::admit(double now) {
    if (!listener_) return;
    while (tcp::Descriptor socket = tcp::accept(listener_)) {
        newcomers_.push_back({FrameStream(std::move(socket)), now});
        if (newcomers_.size() > peers_.size() + kStrangers) newcomers_.erase(newcomers_.begin());
    }
    for (Newcomer& newcomer : newcomers_) {
        const std::optional<Frame> hello = newcomer.stream.receive();
        if (!hello) continue;
        const auto rank = static_cast<std::size_t>(std::max(hello->rank, 0));
        if (hello->kind == FrameKind::hello && hello->token == address_.hello && rank > 0 && rank < peers_.size() &&
            !states_[rank].connected) {
            newcomer.stream.send({.kind = FrameKind::welcome, .token = address_.welcome});
            if (failure_) newcomer.stream.send(frame_of(*failure_));
            peers_[rank] = std::exchange(newcomer.stream, {});
            states_[rank].connected = true;
            states_[rank].heard = now;
        }
        newcomer.stream.close();
    }
    std::erase_if(newcomers_, [&](const Newcomer& n) { return !n.stream.open() || now - n.since > kPatience; });
    if (std::ranges::all_of(states_, &RankState::connected)) {
        listener_ = {};
        newcomers_.clear();
    }
}

void Hub::listen_to(std::size_t rank, double now) {
    RankState& state = states_[rank];
    FrameStream& peer = peers_[rank];
    while (const std::optional<Frame> frame = peer.receive()) {
        state.heard = now;
        if (frame->kind == FrameKind::beat) state.beat = frame->beat;
        if (frame->kind == FrameKind::farewell) {
            state.beat = frame->beat;
            state.exit_code = frame->exit_code;
        }
    }
    state.closed = state.connected && !peer.open();
}

void Hub::tell_all(const Frame& frame) {
    for (FrameStream& peer : peers_)
        if (peer.open()) peer.send(frame);
}

void Hub::turn(const OwnReport& report) {
    states_[0].heard = report.now;
    states_[0].beat = report.own;
    states_[0].exit_code = report.exit_code;
    admit(report.now);
    for (std::size_t rank = 1; rank < peers_.size(); ++rank) {
        listen_to(rank, report.now);
        // Beats do not pile up in front of a rank that does not read.
        if (peers_[rank].flush() && report.beat && peers_[rank].open())
            peers_[rank].send({.kind = FrameKind::beat, .beat = report.own});
    }
    failure_ = judge(states_, started_, report.now, limits_);
    finished_ = !failure_ && all_done(states_);
    if (failure_) tell_all(frame_of(*failure_));
    if (finished_) tell_all({.kind = FrameKind::all_done});
}

void Hub::forgive(double now) {
    for (RankState& state : states_) state.heard = now;
    started_ = now;
}

void Hub::add_sockets(std::vector<pollfd>& list) const {
    if (listener_) list.push_back({listener_.get(), POLLIN, 0});
    for (const Newcomer& newcomer : newcomers_) add(list, newcomer.stream);
    for (const FrameStream& peer : peers_) add(list, peer);
}

bool Hub::part(double now) {
    // Ranks that were still on their way learn why there is nobody.
    admit(now);
    bool closed = !listener_;
    for (FrameStream& peer : peers_)
        if (peer.open()) closed = drain(peer) && closed;
    return closed;
}

Spoke::Spoke(FrameStream hub, std::vector<std::string> hosts, const WatchLimits& limits, double now)
    : hub_(std::move(hub)), hosts_(std::move(hosts)), limits_(limits), heard_(now) {}

void Spoke::listen(double now) {
    while (const std::optional<Frame> frame = hub_.receive()) {
        heard_ = now;
        if (frame->kind == FrameKind::beat) beat_ = frame->beat;
        if (frame->kind == FrameKind::all_done) finished_ = true;
        if (frame->kind == FrameKind::failure) {
            const auto rank = static_cast<std::size_t>(std::max(frame->rank, 0));
            failure_ = RankFailure{.kind = frame->failure,
                                   .rank = frame->rank,
                                   .host = rank < hosts_.size() ? hosts_[rank] : "",
                                   .place = frame->beat.place,
                                   .seconds = frame->beat.waited,
                                   .exit_code = frame->exit_code};
        }
        if (failure_ || finished_) return;
    }
    RankFailure lost{.rank = 0, .host = hosts_[0], .place = beat_.place, .seconds = now - heard_};
    if (!hub_.open()) failure_ = lost;
    lost.kind = FailureKind::silent;
    if (!failure_ && now - heard_ > limits_.silence) failure_ = lost;
}

void Spoke::turn(const OwnReport& report) {
    listen(report.now);
    if (failure_ || finished_) return;
    if (report.exit_code) hub_.send({.kind = FrameKind::farewell, .exit_code = *report.exit_code, .beat = report.own});
    if (hub_.flush() && report.beat) hub_.send({.kind = FrameKind::beat, .beat = report.own});
}

void Spoke::add_sockets(std::vector<pollfd>& list) const { add(list, hub_); }

bool Spoke::part(double) {
    if (!hub_.open()) return true;
    return drain(hub_);
}

}  // namespace keel
