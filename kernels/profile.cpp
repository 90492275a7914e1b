#include "kernels/profile.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include "kernels/immortal.h"

namespace keel::profile {
namespace {

using Log = std::vector<Record>;

/// The logs of all threads that closed a span in this recording, in that order, and the layers by their dotted name.
/// Layers are kept for good: places that the graph of a model remembers stay valid.
struct Registry {
    std::vector<std::shared_ptr<Log>> logs;
    std::vector<std::string> layers{""};
    std::map<std::string, int, std::less<>> numbers{{"", 0}};
};

constinit ForkMutex registry_mutex;

Registry& registry() {
    static constinit Immortal<Registry> instance;
    return instance.get();
}

std::atomic<int> recording_number{0};  // counts start()
std::atomic<std::int64_t> recording_begin_ns{0};

Log& own_log() {
    thread_local std::shared_ptr<Log> log;
    thread_local int log_number = 0;
    if (const int number = recording_number; log_number != number) {
        log = std::make_shared<Log>();
        const std::lock_guard lock(registry_mutex);
        registry().logs.push_back(log);
        log_number = number;
    }
    return *log;
}

}  // namespace

namespace detail {

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

void close(const char* kind, std::int64_t begin_ns, const Cost& cost) noexcept {
    const std::int64_t end_ns = now_ns();
    if (!profile::recording()) return;
    try {
        own_log().push_back({kind, place, 0, begin_ns, end_ns, cost});
    } catch (...) {  // out of memory: the span is lost, the work is not
    }
}

int layer_below(int parent, std::string_view name) {
    Registry& all = registry();
    const std::lock_guard lock(registry_mutex);
    std::string path = all.layers[static_cast<std::size_t>(parent)];
    if (!path.empty() && !name.empty()) path += '.';
    path += name;
    const auto [entry, added] = all.numbers.try_emplace(std::move(path), static_cast<int>(all.layers.size()));
    if (added) all.layers.push_back(entry->first);
    return entry->second;
}

}  // namespace detail

void start() {
    {
        const std::lock_guard lock(registry_mutex);
        registry().logs.clear();
    }
    ++recording_number;
    own_log();  // makes the caller thread 0
    recording_begin_ns = detail::now_ns();
    detail::recording = true;
}

Recording stop() {
    detail::recording = false;
    Registry& all = registry();
    const std::lock_guard lock(registry_mutex);
    Recording result{all.layers, {}, recording_begin_ns};
    for (std::size_t thread = 0; thread < all.logs.size(); ++thread)
        for (Record record : *all.logs[thread]) {
            record.thread = static_cast<int>(thread);
            result.records.push_back(record);
        }
    all.logs.clear();
    return result;
}

}  // namespace keel::profile
