#include "cli/cluster/rank_guard.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cli/cluster/exit_code.h"
#include "distributed/heartbeat/heartbeat.h"
#include "distributed/mpi/launched.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

/// Seconds in which a rank that hears of another's error may come to the same one by itself: all of them see a NaN or a
/// wrong configuration, each a moment earlier or later. And the other way round: in which the heartbeat may tell why
/// MPI failed.
constexpr std::chrono::seconds kGrace{2};

/// Whether this rank is ending by itself.
class Ending {
public:
    void begin() {
        const std::lock_guard lock(mutex_);
        begun_ = true;
        changed_.notify_all();
    }
    bool begins_soon() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kGrace, [&] { return begun_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool begun_ = false;
};

/// One line to stderr, unless nobody takes it.
void say(const std::string& line) {
    pollfd err{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&err, 1, 1000) > 0) static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
}

[[noreturn]] void end_for_another(const std::string& line) {
    say(line);
    let_launcher_read();
    ::_exit(kPeerLost);
}

/// Between MPI's start, which waits for a rank that has died or stands still as long as it takes, and the first
/// heartbeat.
class StartLimit {
public:
    explicit StartLimit(double seconds) {
        if (seconds == 0 || launched_ranks() == 1) return;
        thread_ = std::thread([this, limit = std::chrono::duration<double>(seconds)] {
            std::unique_lock lock(mutex_);
            if (changed_.wait_for(lock, limit, [&] { return met_; })) return;
            end_for_another(fmt::format(
                "keel train: [ranks] on {}: not all of {} ranks were there within {} s (--start-limit): one died, "
                "stands still or is late\n",
                tcp::host_name(), launched_ranks(), limit.count()));
        });
    }
    ~StartLimit() { meet(); }

    void meet() {
        if (!thread_.joinable()) return;
        {
            const std::lock_guard lock(mutex_);
            met_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool met_ = false;
    std::thread thread_;
};

int with_heartbeat(World& world, const RankGuardOptions& options, const std::function<int(World&)>& body) {
    if (world.is_single() || options.silence == 0) return body(world);
    Ending ending;
    const auto tell = [rank = world.rank()](const RankFailure& failure) {
        say(fmt::format("keel train: [rank {} on {}] {}\n", rank, tcp::host_name(), failure.text()));
    };
    // A rank that left may have told its reason, to which this one may come by itself: that is no news yet.
    const auto notice = [&](const RankFailure& failure) {
        if (failure.kind != FailureKind::left) tell(failure);
    };
    const auto end = [&](const RankFailure& failure) {
        if (failure.kind == FailureKind::left && ending.begins_soon()) return;
        if (failure.kind == FailureKind::left) tell(failure);
        let_launcher_read();
        ::_exit(kPeerLost);
    };
    HeartbeatOptions beats{.rank = world.rank(), .size = world.size(), .limits = {.silence = options.silence}};
    // A sum that an exception leaves half done may outlive this call.
    const auto heartbeat = std::make_shared<Heartbeat>(
        beats, [&](const std::vector<int>& with, const std::string& mine) { return world.exchange_texts(with, mine); },
        end, notice);
    world.watch_jobs(
        {[heartbeat, deadline = options.deadline](const RunPlace& place) { heartbeat->enter(place, deadline); },
         [heartbeat] { heartbeat->leave(); }});
    try {
        const int code = body(world);
        world.watch_jobs({});
        heartbeat->finish();
        return code;
    } catch (const std::exception& error) {
        const int code = exit_code_of(error);
        // MPI may have failed because another rank did: then that is what ends this one.
        if (code == kIoFailure) std::this_thread::sleep_for(kGrace);
        ending.begin();
        heartbeat->abandon(code);
        world.watch_jobs({});
        throw;
    }
}

}  // namespace

int guarded(const RankGuardOptions& options, const std::function<int(World&)>& body) {
    StartLimit limit(options.start);
    return with_launched_ranks([&](World& world) {
        limit.meet();
        return with_heartbeat(world, options, body);
    });
}

}  // namespace keel::cli
