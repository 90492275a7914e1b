#include "distributed/heartbeat/heartbeat.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <utility>

#include "distributed/heartbeat/heartbeat_address.h"
#include "distributed/heartbeat/heartbeat_roles.h"
#include "distributed/heartbeat/heartbeat_tree.h"
#include "kernels/error.h"
#include "kernels/topology.h"

namespace keel {
namespace {

/// Seconds in which the last words have to arrive.
constexpr double kParting = 0.5;

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Waits for something to read or write, or so many seconds.
void wait(std::vector<pollfd>& list, double seconds) {
    static_cast<void>(::poll(list.data(), list.size(), static_cast<int>(std::ceil(std::max(0.0, seconds) * 1000))));
}

/// Calls `late` on a thread of its own if `call` takes longer than `seconds`.
template <class Call>
auto within(double seconds, const std::function<void()>& late, Call&& call) {
    std::mutex mutex;
    std::condition_variable done;
    bool is_done = false;
    std::thread alarm([&] {
        std::unique_lock lock(mutex);
        if (done.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return is_done; })) return;
        lock.unlock();
        late();
    });
    const auto stop = [&] {
        {
            const std::lock_guard lock(mutex);
            is_done = true;
        }
        done.notify_one();
        alarm.join();
    };
    try {
        auto result = call();
        stop();
        return result;
    } catch (...) {
        stop();
        throw;
    }
}

/// A thread that no signal of the program interrupts.
template <class Body>
std::thread quiet_thread(Body body) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread thread(std::move(body));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

}  // namespace

Heartbeat::Heartbeat(const HeartbeatOptions& options, const Exchange& exchange, OnFailure on_failure,
                     OnNotice on_notice)
    : options_(options), on_failure_(std::move(on_failure)), on_notice_(std::move(on_notice)) {
    if (options.size < 2) {
        over_ = true;
        return;
    }
    wake_ = Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!wake_) throw IoError("[heartbeat] the system gave no eventfd");

    const HeartbeatTree tree{options.rank, options.size,
                             options.arity > 0 ? options.arity : heartbeat_arity(options.size)};
    const int parent = heartbeat_parent(tree.rank, tree.arity);
    const std::vector<int> below = heartbeat_children(tree.rank, tree.size, tree.arity);
    HubAddress own{.host = tcp::host_name()};
    tcp::Listener listener;
    if (!below.empty()) {
        listener = tcp::listen(static_cast<int>(below.size()) + 64);
        own.port = listener.port;
        own.addresses = tcp::own_addresses();
        draw_tokens(own);
    }
    const auto nobody_comes = [&] {
        const RankFailure failure{.kind = FailureKind::missing, .seconds = options_.limits.start};
        notice(failure);
        on_failure_(failure);
    };
    std::vector<int> with = below;
    if (parent >= 0) with.push_back(parent);
    const std::vector<std::string> theirs = within(
        options.limits.start, nobody_comes, [&] { return exchange(with, below.empty() ? own.host : to_text(own)); });
    if (theirs.size() != with.size())
        throw IoError("[heartbeat] wanted the addresses of " + std::to_string(with.size()) +
                      " ranks, the exchange gave " + std::to_string(theirs.size()));
    std::vector<HeartbeatChildren::Child> known;
    for (std::size_t i = 0; i < below.size(); ++i) known.push_back({.rank = below[i], .host = host_of(theirs[i])});
    HeartbeatChildren children(std::move(known), std::move(listener.socket), own);
    if (parent < 0) {
        Hub role(std::move(children), tree, own.host, options.limits, seconds_now());
        thread_ = quiet_thread([this, role = std::move(role)]() mutable { run(std::move(role)); });
    } else {
        const HubAddress hub = hub_of(theirs.back(), parent);
        Spoke role(reach(hub, parent, options.rank, options.limits.start), hub.host, std::move(children), tree,
                   options.limits, seconds_now());
        thread_ = quiet_thread([this, role = std::move(role)]() mutable { run(std::move(role)); });
    }
}

Heartbeat::~Heartbeat() {
    abandon(1);
    if (thread_.joinable()) thread_.join();
}

template <class Role>
void Heartbeat::run(Role role) {
    use_process_cpus();
    double before = seconds_now(), beat = 0;
    bool said_done = false;
    for (;;) {
        std::vector<pollfd> list{{wake_.get(), POLLIN, 0}};
        role.add_sockets(list);
        wait(list, beat + options_.interval - seconds_now());
        std::uint64_t count = 0;
        static_cast<void>(!::read(wake_.get(), &count, sizeof count));

        const double now = seconds_now();
        // Where this process stood still, so may the whole job have: neither silence nor waiting counts for that time.
        if (now - before > std::max(options_.limits.silence / 2, 2 * options_.interval)) {
            role.forgive(now);
            const std::lock_guard lock(mutex_);
            entered_ += now - before;
        }
        before = now;
        const bool due = now - beat >= options_.interval;
        if (due) beat = now;
        const Report own = report(now);
        role.turn(
            {.own = own.beat, .exit_code = own.exit_code, .now = now, .beat = due || (own.beat.done && !said_done)});
        said_done = own.beat.done;
        if (role.failure() && !own.exit_code) notice(*role.failure());
        if (role.failure() || role.finished() || own.exit_code) {
            while (!role.part(seconds_now()) && seconds_now() - now < kParting) {
                std::vector<pollfd> left;
                role.add_sockets(left);
                wait(left, 0.05);
            }
            return end(own.exit_code ? std::nullopt : role.failure());
        }
    }
}

Heartbeat::Report Heartbeat::report(double now) {
    const std::lock_guard lock(mutex_);
    Report report = own_;
    report.beat.waited = own_.beat.inside ? std::max(0.0, now - entered_) : 0;
    report.beat.overdue = own_.beat.inside && report.beat.waited > deadline_;
    return report;
}

void Heartbeat::notice(const RankFailure& failure) const {
    if (on_notice_) on_notice_(failure);
}

void Heartbeat::end(std::optional<RankFailure> failure) {
    // Before anybody is woken, who might end the program with less to say.
    if (failure) on_failure_(*failure);
    {
        const std::lock_guard lock(mutex_);
        failure_ = std::move(failure);
        over_ = true;
    }
    ended_.notify_all();
}

void Heartbeat::wake() {
    const std::uint64_t one = 1;
    if (wake_) static_cast<void>(!::write(wake_.get(), &one, sizeof one));
}

void Heartbeat::enter(const RunPlace& place, double deadline_seconds) {
    const std::lock_guard lock(mutex_);
    own_.beat.place = place;
    ++own_.beat.collectives;
    own_.beat.inside = true;
    entered_ = seconds_now();
    deadline_ = deadline_seconds;
}

void Heartbeat::leave() {
    const std::lock_guard lock(mutex_);
    own_.beat.inside = false;
}

void Heartbeat::at(const RunPlace& place) {
    const std::lock_guard lock(mutex_);
    own_.beat.place = place;
}

void Heartbeat::finish() {
    std::unique_lock lock(mutex_);
    own_.beat.done = true;
    wake();
    ended_.wait(lock, [&] { return over_; });
    if (failure_) throw IoError("[ranks] " + failure_->text());
}

void Heartbeat::abandon(int exit_code) {
    std::unique_lock lock(mutex_);
    if (over_) return;
    own_.exit_code = exit_code;
    wake();
    ended_.wait(lock, [&] { return over_; });
}

}  // namespace keel
