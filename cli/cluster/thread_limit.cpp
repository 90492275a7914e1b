#include "cli/cluster/thread_limit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "kernels/cgroup.h"
#include "kernels/error.h"

namespace keel::cli {
namespace {

bool is_refused_thread(const std::exception& error) {
    const auto* const refused = dynamic_cast<const std::system_error*>(&error);
    return refused != nullptr && refused->code() == std::errc::resource_unavailable_try_again;
}

/// How many of `wanted` threads can be there at one time.
int threads_given(int wanted) {
    std::mutex mutex;
    std::condition_variable changed;
    bool over = false;
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(wanted));
    try {
        for (int i = 0; i < wanted; ++i)
            threads.emplace_back([&] {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return over; });
            });
    } catch (const std::system_error&) {  // that many
    }
    {
        const std::lock_guard lock(mutex);
        over = true;
    }
    changed.notify_all();
    for (std::thread& thread : threads) thread.join();
    return static_cast<int>(threads.size());
}

}  // namespace

std::string thread_limits() {
    std::vector<std::string> limits;
    const auto add_limit = [&](__rlimit_resource resource, const char* name, rlim_t unit, const char* unit_name) {
        rlimit limit{};
        if (::getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
            limits.push_back(fmt::format("{} {}{}", name, limit.rlim_cur / unit, unit_name));
    };
    add_limit(RLIMIT_NPROC, "ulimit -u", 1, " (processes and threads of this user)");
    if (const auto pids = read_cgroup_limits().processes)
        limits.push_back(fmt::format("pids.max {} of the control group", *pids));
    add_limit(RLIMIT_AS, "ulimit -v", 1024, " KB (addresses)");
    return limits.empty() ? "no limit of this process's own" : fmt::format("{}", fmt::join(limits, ", "));
}

void require_threads(int wanted, const std::string& whose) {
    const int given = threads_given(wanted);
    if (given == wanted) return;
    throw IoError(fmt::format("[threads] {} want {} threads, the system gives {}; limits: {}", whose, wanted, given,
                              thread_limits()));
}

std::string message_of(const std::exception& error) {
    if (!is_refused_thread(error)) return error.what();
    return fmt::format("[threads] the system refuses another thread; limits: {}", thread_limits());
}

}  // namespace keel::cli
