#include "kernels/team.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <new>
#include <utility>

#include "kernels/fork.h"
#include "kernels/futex.h"
#include "kernels/team_worker.h"

namespace keel::detail {
namespace {

constexpr std::int64_t kSoonNs = 50 * kMicrosecond;  // others' parts are as long: they should be done as soon
constexpr std::int64_t kLendNs = kMillisecond;       // how often a sleeping caller looks after them

constexpr std::int64_t kStillNs = 20 * kMicrosecond;  // whose time stands still for so long does not run

thread_local bool inside = false;
thread_local int own_slot = 0;

struct Inside {
    Inside() { inside = true; }
    ~Inside() { inside = false; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
};

constinit std::atomic<Team*> the_team{nullptr};
constinit ForkMutex the_team_mutex;

/// Its threads are not in the child, and what it was at does not concern it.
void forget_team() { the_team = nullptr; }

bool use_processors(int thread, const cpu_set_t& which) {
    return ::sched_setaffinity(thread, sizeof which, &which) == 0;
}

/// Moves a thread to a processor; whether that may be. `before`: those that it ran on.
bool use_processor(int thread, int processor, cpu_set_t& before) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(processor), &one);
    return ::sched_getaffinity(thread, sizeof before, &before) == 0 && use_processors(thread, one);
}

}  // namespace

bool in_region() { return inside || omp_in_parallel() != 0; }

void stay_in_region(int slot) {
    inside = true;
    own_slot = slot;
}

std::int64_t processor_ns(pthread_t thread) {
    clockid_t clock{};
    timespec time{};
    if (::pthread_getcpuclockid(thread, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
    return time.tv_sec * kSecond + time.tv_nsec;
}

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::int64_t Region::begin(std::int64_t part) const {
    const std::int64_t grains = (count + grain - 1) / grain;
    return std::min(count, grains * part / parts * grain);
}

bool Job::take() {
    if (taken.load(std::memory_order_relaxed) || taken.exchange(true, std::memory_order_acquire)) return false;
    if (claims.load(std::memory_order_relaxed) == nullptr) claims = new (std::nothrow) Claim[Team::kMost];
    if (claims.load(std::memory_order_relaxed) != nullptr) return true;
    taken.store(false, std::memory_order_release);
    return false;
}

std::uint64_t Job::publish(const Region& region) {
    failed.store(false, std::memory_order_relaxed);
    remaining.store(static_cast<std::uint32_t>(region.parts), std::memory_order_relaxed);
    const std::uint64_t number = serial.load(std::memory_order_relaxed) + 2;
    // Releases and acquires in place of fences, which thread sanitizers do not know.
    serial.store(number - 1, std::memory_order_relaxed);
    body.store(region.body, std::memory_order_release);
    context.store(region.context, std::memory_order_release);
    count.store(region.count, std::memory_order_release);
    grain.store(region.grain, std::memory_order_release);
    parts.store(region.parts, std::memory_order_release);
    slots.store(region.slots, std::memory_order_release);
    processor.store(::sched_getcpu(), std::memory_order_relaxed);
    serial.store(number, std::memory_order_release);
    return number;
}

std::uint64_t Job::read(Region& region) const {
    const std::uint64_t number = serial.load(std::memory_order_acquire);
    if (number == 0 || number % 2 != 0) return 0;
    region = {body.load(std::memory_order_acquire),  context.load(std::memory_order_acquire),
              count.load(std::memory_order_acquire), grain.load(std::memory_order_acquire),
              parts.load(std::memory_order_acquire), slots.load(std::memory_order_acquire)};
    return serial.load(std::memory_order_relaxed) == number ? number : 0;
}

// A region ends when all its parts are done, and none is before it is claimed: who claims one of number `number` knows
// that this region is not over, and that what was read of it holds.
bool Job::claim(std::int64_t part, std::uint64_t number) {
    std::atomic<std::uint64_t>& last = claims.load(std::memory_order_acquire)[part].serial;
    std::uint64_t seen = last.load(std::memory_order_relaxed);
    return seen < number && last.compare_exchange_strong(seen, number, std::memory_order_acq_rel);
}

void Job::run(const Region& region, std::int64_t part) noexcept {
    try {
        region.run(part);
    } catch (...) {
        if (!failed.exchange(true)) failure = std::current_exception();
    }
    if (remaining.fetch_sub(1, std::memory_order_acq_rel) == (kSleeping | 1U)) wake(remaining, 1);
}

Team& Team::global() {
    if (Team* team = the_team.load(std::memory_order_acquire)) return *team;
    const std::lock_guard lock(the_team_mutex);
    if (the_team == nullptr) {
        after_fork(forget_team);
        the_team = new Team;
    }
    return *the_team;
}

Team::Team() : turning_ns_(turning_ns(std::getenv("OMP_WAIT_POLICY"), std::getenv("GOMP_SPINCOUNT"))) {}

Job* Team::free_job() {
    for (Job& job : jobs_)
        if (job.take()) return &job;
    return nullptr;
}

void Team::run(const Region& region) {
    const std::int64_t start = now_ns();
    look_around(start);
    const Inside alone;
    Job* job = ready_.load(std::memory_order_relaxed) > 0 ? free_job() : nullptr;
    if (job == nullptr) {
        for (std::int64_t part = 0; part < region.parts; ++part) region.run(part);
        return;
    }
    const std::uint64_t number = job->publish(region);
    epoch_.fetch_add(1);
    if (sleeping_.load() > 0) wake(epoch_, static_cast<int>(std::min<std::int64_t>(region.parts, region.slots) - 1));
    for (std::int64_t part = 0; part < region.parts; ++part)
        if (job->claim(part, number)) job->run(region, part);
    if (finish(*job, now_ns() - start)) take_back(*job);
    const std::exception_ptr failure = job->failed ? std::exchange(job->failure, nullptr) : nullptr;
    job->taken.store(false, std::memory_order_release);
    if (failure) std::rethrow_exception(failure);
}

/// Waits until nothing remains: first in turns, then asleep, and lends its processor to a worker that has none
/// meanwhile; returns whether it did.
bool Team::finish(Job& job, std::int64_t own_ns) {
    const auto done = [&] { return job.is_done(); };
    if (done()) return false;
    const std::int64_t start = now_ns(), patience = patience_ns(own_ns),
                       turning = crowded_ ? 0 : std::min(turning_ns_, patience);
    if (turn_until(done, std::min(turning, kSoonNs))) return false;
    bool lent = lend(job);
    if (!lent && turn_until(done, turning - kSoonNs)) return false;
    for (bool doubted = false;;) {
        std::uint32_t left = job.remaining.load(std::memory_order_acquire);
        if ((left & ~Job::kSleeping) == 0) return lent;
        if ((left & Job::kSleeping) == 0 && !job.remaining.compare_exchange_strong(left, left | Job::kSleeping))
            continue;
        const std::int64_t more = start + patience - now_ns();
        if (more > 0 || doubted) {
            sleep_while(job.remaining, left | Job::kSleeping, doubted ? -1 : std::min(more, kLendNs));
            if (!doubted && lend(job)) lent = true;
        } else {
            doubted = true;
            doubt(job);
        }
    }
}

/// Calls each(worker, how long it ran meanwhile) for those that work on the job before and after wait(); until it
/// returns true.
template <class Wait, class Each>
void Team::watch(Job& job, Wait wait, Each each) {
    struct Suspect {
        Worker* worker;
        std::int64_t processor_ns;
    };
    std::array<Suspect, 64> suspects;  // what is beyond is looked at next time
    std::size_t count = 0;
    const auto works = [&](const Worker& worker) { return worker.job.load(std::memory_order_acquire) == &job; };
    for (int i = 0; i < started_ && count < suspects.size(); ++i)
        if (Worker* worker = workers_[static_cast<std::size_t>(i)]; works(*worker))
            suspects[count++] = {worker, processor_ns(worker->thread)};
    wait();
    for (std::size_t i = 0; i < count; ++i)
        if (Worker& worker = *suspects[i].worker;
            works(worker) && each(worker, processor_ns(worker.thread) - suspects[i].processor_ns))
            return;
}

/// Gives the caller's processor to a worker that holds a part and does not run; returns whether there is one. The
/// caller is to sleep then.
bool Team::lend(Job& job) {
    bool lent = false;
    const auto wait = [&] { turn_until([&] { return job.is_done(); }, kStillNs); };
    watch(job, wait, [&](Worker& worker, std::int64_t ran) {
        int none = Worker::kNone;
        if (ran != 0 || job.is_done() || !worker.lent.compare_exchange_strong(none, Worker::kLending)) return false;
        // Who sees kLending waits, and who is seen to work will see it.
        const int processor = ::sched_getcpu();
        lent = worker.job.load() == &job && processor >= 0 && use_processor(worker.id, processor, worker.before);
        worker.lent = lent ? processor : Worker::kNone;
        return lent;
    });
    return lent;
}

/// Sends the worker that was lent the caller's processor away from it. Waking the caller it loses it again, mostly, and
/// would wait there for the next chance to leave by itself, for a slice of the scheduler's.
void Team::take_back(const Job& job) {
    for (int i = 0; i < started_; ++i) {
        Worker& worker = *workers_[static_cast<std::size_t>(i)];
        int processor = worker.lent;
        if (processor < 0 || worker.job.load() != &job ||
            !worker.lent.compare_exchange_strong(processor, Worker::kLending))
            continue;
        cpu_set_t others = worker.before;
        CPU_CLR(static_cast<std::size_t>(processor), &others);
        if (use_processors(worker.id, CPU_COUNT(&others) > 0 ? others : worker.before)) worker.sent_from = processor;
        worker.lent = Worker::kNone;
    }
}

/// Looks for half a millisecond at the workers that a region waits for: those that have no processor meanwhile rest
/// from here on. A part that only takes long is no reason.
void Team::doubt(Job& job) {
    const std::int64_t start = now_ns();
    std::int64_t passed = 0;
    const auto wait = [&] {
        sleep_while(job.remaining, job.remaining.load(), kMillisecond / 2);
        passed = now_ns() - start;
    };
    watch(job, wait, [&](Worker& worker, std::int64_t ran) {
        if (!had_processor(ran, passed)) bench(worker);
        return false;
    });
}

void Team::bench(Worker& late) {
    const std::lock_guard lock(mutex_);
    if (late.resting) return;
    const std::int64_t now = now_ns();
    late.rest_until = now + late_.next(now);
    late.resting = true;
    --ready_;
}

}  // namespace keel::detail

namespace keel {

int thread_slot() { return detail::own_slot; }

}  // namespace keel
