#include "distributed/heartbeat/heartbeat_roles.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "distributed/heartbeat/heartbeat_tree.h"

namespace keel {
namespace {

/// What is said of a failure, to those who do not know the host.
std::vector<Frame> frames_of(const RankFailure& failure) {
    std::vector<Frame> frames;
    if (failure.rank >= 0) frames = host_frames(failure.rank, failure.host);
    frames.push_back({.kind = FrameKind::failure,
                      .rank = failure.rank,
                      .exit_code = failure.exit_code,
                      .failure = failure.kind,
                      .beat = {.place = failure.place, .waited = failure.seconds}});
    return frames;
}

}  // namespace

Hub::Hub(HeartbeatChildren children, const HeartbeatTree& tree, const std::string& host, const WatchLimits& limits,
         double now)
    : children_(std::move(children)),
      tree_(tree),
      limits_(limits),
      started_(now),
      states_(static_cast<std::size_t>(tree.size)) {
    for (int rank = 1; rank < tree.size; ++rank)
        states_[static_cast<std::size_t>(heartbeat_parent(rank, tree.arity))].relays = true;
    for (RankState& state : states_)
        state.host.assign(1, '?');  // of those that talk to others, until those have said which
    for (const HeartbeatChildren::Child& child : children_.all())
        states_[static_cast<std::size_t>(child.rank)].host = child.host;
    states_[0].host = host;
    states_[0].connected = true;
}

void Hub::take(int child, const Frame& frame) {
    if (frame.rank < 1 || frame.rank >= tree_.size || heartbeat_branch(frame.rank, 0, tree_.arity) != child) return;
    RankState& state = states_[static_cast<std::size_t>(frame.rank)];
    if (frame.kind == FrameKind::host) return add_host(state.host, frame);
    state.connected = true;
    if (frame.kind == FrameKind::beat) state.beat = frame.beat;
    if (frame.kind == FrameKind::farewell) {
        state.beat = frame.beat;
        state.exit_code = frame.exit_code;
    }
    if (frame.kind != FrameKind::lost) return;
    if (frame.failure == FailureKind::silent)
        state.silence = frame.beat.waited;
    else
        state.closed = true;
}

void Hub::turn(const OwnReport& report) {
    states_[0].beat = report.own;
    states_[0].exit_code = report.exit_code;
    children_.admit(report.now, last_words_);
    children_.listen(report.now,
                     [&](const HeartbeatChildren::Child& child, const Frame& frame) { take(child.rank, frame); });
    for (RankState& state : states_) state.heard = report.now;
    for (const HeartbeatChildren::Child& child : children_.all()) {
        RankState& state = states_[static_cast<std::size_t>(child.rank)];
        state.connected = child.connected;
        state.closed = child.closed;
        state.heard = child.heard;
    }
    if (report.beat) children_.beat({.kind = FrameKind::beat, .beat = report.own});
    failure_ = judge(states_, started_, report.now, limits_);
    finished_ = !failure_ && all_done(states_);
    if (failure_) children_.tell(last_words_ = frames_of(*failure_));
    if (finished_) children_.tell({.kind = FrameKind::all_done});
}

void Hub::forgive(double now) {
    children_.forgive(now);
    started_ = now;
}

Spoke::Spoke(FrameStream parent, const std::string& parent_host, HeartbeatChildren children, const HeartbeatTree& tree,
             const WatchLimits& limits, double now)
    : parent_(std::move(parent)),
      parent_host_(parent_host),
      children_(std::move(children)),
      tree_(tree),
      limits_(limits),
      heard_(now) {
    for (const HeartbeatChildren::Child& child : children_.all())
        for (const Frame& frame : host_frames(child.rank, child.host)) parent_.send(frame);
}

void Spoke::end(const RankFailure& failure) {
    failure_ = failure;
    children_.tell(last_words_ = frames_of(failure));
}

void Spoke::listen_above(double now) {
    while (const std::optional<Frame> frame = parent_.receive()) {
        heard_ = now;
        if (frame->kind == FrameKind::beat) beat_ = frame->beat;
        if (frame->kind == FrameKind::host) add_host(blamed_host_, *frame);
        if (frame->kind == FrameKind::all_done) {
            finished_ = true;
            return children_.tell(*frame);
        }
        if (frame->kind == FrameKind::failure)
            return end({.kind = frame->failure,
                        .rank = frame->rank,
                        .host = blamed_host_,
                        .place = frame->beat.place,
                        .seconds = frame->beat.waited,
                        .exit_code = frame->exit_code});
    }
    RankFailure lost{.rank = heartbeat_parent(tree_.rank, tree_.arity),
                     .host = parent_host_,
                     .place = beat_.place,
                     .seconds = now - heard_};
    if (!parent_.open()) return end(lost);
    lost.kind = FailureKind::silent;
    if (now - heard_ > limits_.silence) end(lost);
}

void Spoke::take(int child, const Frame& frame) {
    if (frame.rank >= tree_.size || heartbeat_branch(frame.rank, tree_.rank, tree_.arity) != child) return;
    if (frame.kind == FrameKind::beat) {
        pending_[frame.rank] = frame.beat;
        urgent_ = (frame.beat.done && done_.insert(frame.rank).second) || urgent_;
    } else if (frame.kind == FrameKind::farewell || frame.kind == FrameKind::lost || frame.kind == FrameKind::host) {
        pass_on();  // what that rank has said before comes first
        parent_.send(frame);
    }
}

void Spoke::pass_on() {
    for (const auto& [rank, beat] : pending_) parent_.send({.kind = FrameKind::beat, .rank = rank, .beat = beat});
    pending_.clear();
    urgent_ = false;
}

void Spoke::listen_below(double now) {
    children_.admit(now, last_words_);
    children_.listen(now, [&](const HeartbeatChildren::Child& child, const Frame& frame) { take(child.rank, frame); });
    for (const HeartbeatChildren::Child& child : children_.all()) {
        const double silence = now - child.heard;
        const bool silent = child.connected && !child.closed && silence > limits_.silence;
        if ((!child.closed && !silent) || !lost_.insert(child.rank).second) continue;
        pass_on();  // where it was when it was last heard of
        parent_.send({.kind = FrameKind::lost,
                      .rank = child.rank,
                      .failure = silent ? FailureKind::silent : FailureKind::died,
                      .beat = {.waited = silent ? silence : 0}});
    }
}

void Spoke::turn(const OwnReport& report) {
    listen_above(report.now);
    if (failure_ || finished_) return;
    listen_below(report.now);
    if (report.exit_code) {
        parent_.send(
            {.kind = FrameKind::farewell, .rank = tree_.rank, .exit_code = *report.exit_code, .beat = report.own});
        // Those below learn it here, for nothing comes to them through this rank any more.
        children_.tell(last_words_ = frames_of({.kind = FailureKind::left,
                                                .rank = tree_.rank,
                                                .host = tcp::host_name(),
                                                .place = report.own.place,
                                                .exit_code = *report.exit_code}));
    }
    if (parent_.flush() && (report.beat || urgent_)) {
        parent_.send({.kind = FrameKind::beat, .rank = tree_.rank, .beat = report.own});
        pass_on();
    }
    if (report.beat) children_.beat({.kind = FrameKind::beat, .rank = tree_.rank, .beat = report.own});
}

void Spoke::forgive(double now) {
    heard_ = now;
    children_.forgive(now);
}

void Spoke::add_sockets(std::vector<pollfd>& list) const {
    add_socket(list, parent_);
    children_.add_sockets(list);
}

bool Spoke::part(double now) {
    const bool closed = children_.part(now, last_words_);
    return (!parent_.open() || drain(parent_)) && closed;
}

}  // namespace keel
