#include "train/step_memory.h"

#include <algorithm>
#include <map>
#include <new>
#include <numeric>
#include <utility>

#include "kernels/error.h"

namespace keel {
namespace {

constexpr int kSteps = 3;  // an arena is settled after the first

struct NumberedEvent {
    std::size_t block;
    bool taken;
    std::int64_t bytes;
};

/// Blocks by number in place of addresses; those that were there before are left out.
std::vector<NumberedEvent> numbered(std::span<const ArenaEvent> events) {
    std::vector<NumberedEvent> all;
    std::map<const std::byte*, std::size_t> live;
    std::size_t count = 0;
    for (const ArenaEvent& event : events) {
        const auto bytes = static_cast<std::int64_t>(event.bytes);
        if (event.taken) {
            live[event.block] = count;
            all.push_back({count++, true, bytes});
        } else if (const auto found = live.find(event.block); found != live.end()) {
            all.push_back({found->second, false, bytes});
            live.erase(found);
        }
    }
    return all;
}

}  // namespace

std::optional<StepScript> StepScript::draw(std::span<const ArenaEvent> fewer, std::int64_t n_fewer,
                                           std::span<const ArenaEvent> more, std::int64_t n_more) {
    if (n_fewer < 1 || n_more <= n_fewer) throw UsageError("[step memory] wanted fewer images and then more");
    const std::vector<NumberedEvent> a = numbered(fewer), b = numbered(more);
    if (a.size() != b.size()) return std::nullopt;
    StepScript script;
    script.n_fewer_ = n_fewer;
    script.n_more_ = n_more;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i].block != b[i].block || a[i].taken != b[i].taken || b[i].bytes < a[i].bytes) return std::nullopt;
        script.events_.push_back({a[i].block, a[i].taken, a[i].bytes, b[i].bytes});
        script.blocks_ = std::max(script.blocks_, a[i].block + 1);
    }
    return script;
}

std::int64_t StepScript::bytes_of(const Event& event, std::int64_t images) const {
    // Of numbers that are lines in n this is exact; of others it is a line through two of them.
    return event.fewer + (event.more - event.fewer) * (images - n_fewer_) / (n_more_ - n_fewer_);
}

std::int64_t StepScript::peak(std::int64_t images) const {
    std::int64_t held = 0, most = 0;
    for (const Event& event : events_) {
        held += event.taken ? bytes_of(event, images) : -bytes_of(event, images);
        most = std::max(most, held);
    }
    return most;
}

std::int64_t StepScript::reserved(std::int64_t images, std::int64_t kept, std::span<const std::int64_t> late) const {
    Arena arena;
    std::vector<std::pair<std::byte*, std::size_t>> live(blocks_);
    const auto give_back = [&](std::size_t block) {
        if (live[block].first != nullptr) arena.release(live[block].first, live[block].second);
        live[block] = {};
    };
    const auto last_take = std::ranges::find_if(events_.rbegin(), events_.rend(), &Event::taken).base();
    const auto take_step = [&](std::int64_t n, bool is_first) {
        for (auto event = events_.begin(); event != events_.end(); ++event) {
            // While gradients are still there.
            if (is_first && event == last_take)
                for (const std::int64_t bytes : late) arena.allocate(static_cast<std::size_t>(bytes));
            give_back(event->block);  // what a step leaves over, the next one takes anew
            if (!event->taken) continue;
            const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(0, bytes_of(*event, n)));
            live[event->block] = {arena.allocate(bytes), bytes};
        }
    };
    try {
        if (kept > 0) arena.allocate(static_cast<std::size_t>(kept));
        // The gaps that the two steps left are part of what follows.
        for (const std::int64_t n : {n_fewer_, n_more_}) take_step(n, false);
        for (int step = 0; step < kSteps; ++step) take_step(images, step == 0);
    } catch (const std::bad_alloc&) {  // not even so many addresses are there
        return kept + peak(images) + std::accumulate(late.begin(), late.end(), std::int64_t{0});
    }
    return static_cast<std::int64_t>(arena.statistics().reserved);
}

}  // namespace keel
