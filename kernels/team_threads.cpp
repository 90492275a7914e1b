// How a team's threads come, wait and go.
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "kernels/futex.h"
#include "kernels/scratch.h"
#include "kernels/signals_blocked.h"
#include "kernels/team_worker.h"
#include "kernels/topology.h"

namespace keel::detail {
namespace {

constexpr std::int64_t kLookNs = kSecond;             // how often it is asked which processors there are
constexpr std::int64_t kRefusedNs = 30 * kSecond;     // and how often for threads that were refused
constexpr std::int64_t kAsideNs = 2 * kMillisecond;   // between two moves from one processor to another,
constexpr std::int64_t kAwayNs = 200 * kMillisecond;  // and how long it stays away at least
constexpr std::int64_t kLostNs = 200 * kMicrosecond;  // who turned and saw no time pass for so long did not run
/// Addresses for what kernels and loops of others keep on the stack; where they are scarce (ulimit -v), for kernels.
constexpr std::size_t kStacks[] = {std::size_t{4} << 20, std::size_t{512} << 10};

/// Keeps the calling thread from a processor, if it may use others.
bool leave_processor(int processor) {
    cpu_set_t others;
    if (::sched_getaffinity(0, sizeof others, &others) != 0) return false;
    CPU_CLR(static_cast<std::size_t>(processor), &others);
    return CPU_COUNT(&others) > 0 && ::sched_setaffinity(0, sizeof others, &others) == 0;
}

/// The code that threads run stays where it is, though the program closes the plugin that brought it (dlclose).
void stay_loaded() {
    Dl_info self{};
    if (::dladdr(reinterpret_cast<void*>(&stay_loaded), &self) != 0 && self.dli_fname != nullptr)
        static_cast<void>(::dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE));
}

/// Returns how long a thread of the process waited for a processor; -1 where Linux does not say.
std::int64_t waited_ns(int thread) {
    char path[64], text[128];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", thread);
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) return -1;
    const bool read = std::fgets(text, sizeof text, file) != nullptr;
    std::fclose(file);
    long long ran = 0, waited = 0;
    return read && std::sscanf(text, "%lld %lld", &ran, &waited) == 2 ? waited : -1;
}

std::string limit_text(int resource, const char* what, rlim_t unit) {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return "";
    return std::string("; ") + what + " is " + std::to_string(limit.rlim_cur / unit);
}

std::string refusal_text(int wanted, int given, int error) {
    return "wanted " + std::to_string(wanted + 1) + " compute threads, the system gave " + std::to_string(given + 1) +
           ": " + std::strerror(error) + limit_text(RLIMIT_NPROC, "the limit on processes and threads (ulimit -u)", 1) +
           limit_text(RLIMIT_AS, "the limit on addresses (ulimit -v, KB)", 1024);
}

}  // namespace

std::string Team::refusal() const {
    const std::lock_guard lock(mutex_);
    return refusal_;
}

std::int64_t Team::stolen_ns() const {
    std::int64_t all = waited_ns(::gettid());
    for (int i = 0; i < started_ && all >= 0; ++i)
        if (const int id = workers_[static_cast<std::size_t>(i)].load()->id; id != 0)
            all += std::max<std::int64_t>(0, waited_ns(id));
    return all;
}

void Team::require(int threads) {
    if (asked_.exchange(threads) == threads) return;
    {
        const std::lock_guard lock(mutex_);
        refusal_.clear();
        if (std::vector<std::vector<int>> places = openmp_places(threads); !places.empty()) {
            masks_ = std::move(places);
            ++placement_;
        }
    }
    looked_ = 0;
    look_around(now_ns());
}

/// Once a second: processors may have been taken away or given (a cpuset, taskset -p) since.
void Team::look_around(std::int64_t now) {
    std::int64_t last = looked_.load(std::memory_order_relaxed);
    if ((last != 0 && now - last < kLookNs) || !looked_.compare_exchange_strong(last, now)) return;
    const int asked = asked_, processors = usable_processors();
    int wanted = std::min(asked, processors) - 1;
    {
        const std::lock_guard lock(mutex_);
        if (!masks_.empty()) wanted = asked - 1;  // somebody said where each of them is to run
    }
    crowded_ = wanted + 1 > processors;
    const std::uint32_t before = wanted_.exchange(static_cast<std::uint32_t>(wanted));
    if (wanted > started_) start_more(wanted, now);
    if (before != static_cast<std::uint32_t>(wanted)) {
        wake(wanted_);
        epoch_.fetch_add(1);  // those that are too many now notice it
        wake(epoch_);
    }
}

void Team::start_more(int wanted, std::int64_t now) {
    const std::lock_guard lock(mutex_);
    if (!refusal_.empty() && now - refused_ < kRefusedNs) return;
    refusal_.clear();
    stay_loaded();
    const SignalsBlocked blocked;
    while (started_ < wanted)
        if (const int error = start(started_ + 1); error != 0) {
            refusal_ = refusal_text(wanted, started_, error);
            refused_ = now;
            return;
        }
}

/// Returns the system's error number, or 0.
int Team::start(int index) {
    auto* worker = new (std::nothrow) Worker;
    if (worker == nullptr) return ENOMEM;
    worker->team = this;
    worker->index = index;
    worker->trimmed = trims_.load();
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    workers_[static_cast<std::size_t>(index - 1)] = worker;
    ++ready_;
    int error = 0;
    for (const std::size_t bytes : kStacks) {
        ::pthread_attr_setstacksize(&attributes, bytes);
        error = ::pthread_create(&worker->thread, &attributes, enter, worker);
        if (error == 0) break;
    }
    ::pthread_attr_destroy(&attributes);
    if (error == 0) {
        ++started_;
        return 0;
    }
    --ready_;
    workers_[static_cast<std::size_t>(index - 1)] = nullptr;
    delete worker;
    return error;
}

void* Team::enter(void* worker) {
    auto& me = *static_cast<Worker*>(worker);
    ::pthread_setname_np(::pthread_self(), ("keel-" + std::to_string(me.index)).c_str());
    me.id = ::gettid();
    stay_in_region(me.index);
    use_usable_processors();
    me.team->serve(me);
    return nullptr;
}

void Team::serve(Worker& me) {
    for (;;) {
        const std::uint32_t seen = epoch_.load(std::memory_order_acquire);
        if (const std::uint32_t trims = trims_; trims != me.trimmed) {
            kernels::release_scratch();
            me.trimmed = trims;
        }
        if (const std::uint32_t placement = placement_; placement != me.placed) {
            me.placed = placement;
            me.avoided = -1;
            settle(me);
        }
        if (me.resting)
            rest(me);
        else if (static_cast<std::uint32_t>(me.index) > wanted_)
            park(me);
        else if (!help(me))
            wait(seen, me);
    }
}

bool Team::help(Worker& me) {
    bool helped = false;
    for (std::size_t j = 0; j < jobs_.size(); ++j) {
        Job& job = jobs_[j];
        Region region;
        const std::uint64_t number = job.read(region);
        if (number == 0 || number == me.looked[j]) continue;
        me.looked[j] = number;
        if (me.index >= region.slots) continue;  // of a team that is smaller now
        step_aside(me, job);
        me.job.store(&job, std::memory_order_release);
        for (std::int64_t i = 0; i < region.parts; ++i) {
            const std::int64_t part = region.part_of(me.index, i);
            if (!job.claim(part, number)) continue;
            job.run(region, part);
            helped = true;
        }
        me.job.store(nullptr);
        come_back(me);
    }
    return helped;
}

/// Who runs where the caller would run keeps him from it, and both are left there where the other processors have tasks
/// of others: the thread goes to one of those, and does not come back to this one for a while.
void Team::step_aside(Worker& me, const Job& job) {
    const int callers = job.processor.load(std::memory_order_relaxed);
    const bool away = me.avoided >= 0;
    if (callers < 0 || (!away && ::sched_getcpu() != callers)) return;
    const std::int64_t now = now_ns(), passed = now - me.stepped_aside;
    if (passed < kAsideNs || (callers == me.avoided && passed < kAwayNs)) return;
    me.stepped_aside = now;
    me.avoided = -1;
    if (away) settle(me);
    if (!crowded_ && ::sched_getcpu() == callers && leave_processor(callers)) me.avoided = callers;
}

/// Leaves the caller's processor, if it was lent and the caller did not take it back.
void Team::come_back(Worker& me) {
    int processor = me.lent;
    while (processor == Worker::kLending ||
           (processor >= 0 && !me.lent.compare_exchange_strong(processor, Worker::kNone))) {
        ::sched_yield();
        processor = me.lent;
    }
    bool left = true;
    if (processor >= 0) {
        settle(me);
        left = leave_processor(processor);
    } else if (me.sent_from == Worker::kNone) {
        return;
    } else {
        processor = me.sent_from.exchange(Worker::kNone);
    }
    me.stepped_aside = now_ns();
    me.avoided = left ? processor : -1;
}

/// Until something new is there: in turns, unless that costs somebody else the processor; then asleep.
void Team::wait(std::uint32_t seen, Worker& me) {
    const auto changed = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
    std::int64_t last = now_ns();
    if (!crowded_ && last >= me.calm_until) {
        for (const std::int64_t end = last + turning_ns_; last < end;) {
            if (turn_until(changed, kMicrosecond)) return;
            const std::int64_t now = now_ns();
            if (now - last > kLostNs) {
                me.calm_until = now + me.calm.next(now);
                break;
            }
            last = now;
        }
    }
    sleeping_.fetch_add(1);
    if (epoch_.load() == seen) sleep_while(epoch_, seen);
    sleeping_.fetch_sub(1);
}

void Team::rest(Worker& me) {
    for (std::int64_t now = now_ns(); now < me.rest_until; now = now_ns()) {
        const std::int64_t ns = me.rest_until - now;
        const timespec time{ns / kSecond, ns % kSecond};
        ::nanosleep(&time, nullptr);
    }
    const std::lock_guard lock(mutex_);
    me.resting = false;
    ++ready_;
}

void Team::park(const Worker& me) {
    --ready_;
    for (std::uint32_t wanted = wanted_; static_cast<std::uint32_t>(me.index) > wanted; wanted = wanted_)
        sleep_while(wanted_, wanted);
    ++ready_;
}

void Team::place(std::vector<std::vector<int>> masks) {
    if (!masks.empty()) bind_thread(masks.front());
    {
        const std::lock_guard lock(mutex_);
        masks_ = std::move(masks);
        ++placement_;
    }
    looked_ = 0;
    look_around(now_ns());
}

std::vector<std::vector<int>> Team::masks() const {
    const std::lock_guard lock(mutex_);
    return masks_;
}

/// Takes its place.
void Team::settle(Worker& me) {
    std::vector<int> mask;
    {
        const std::lock_guard lock(mutex_);
        if (static_cast<std::size_t>(me.index) < masks_.size()) mask = masks_[static_cast<std::size_t>(me.index)];
    }
    if (mask.empty())
        use_usable_processors();
    else
        bind_thread(mask);
}

void Team::trim() {
    const std::uint32_t trims = ++trims_;
    epoch_.fetch_add(1);
    wake(epoch_);
    const auto answered = [&] {
        for (int i = 0; i < started_; ++i) {
            const Worker& worker = *workers_[static_cast<std::size_t>(i)];
            const bool away = worker.resting || static_cast<std::uint32_t>(worker.index) > wanted_;
            if (!away && worker.trimmed != trims) return false;
        }
        return true;
    };
    const timespec moment{0, 100'000};
    for (const std::int64_t end = now_ns() + kSecond; !answered() && now_ns() < end;) ::nanosleep(&moment, nullptr);
}

}  // namespace keel::detail
