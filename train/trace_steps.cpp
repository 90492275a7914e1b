#include "train/trace_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "engine/json.h"
#include "engine/quantile.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// Microseconds.
struct Event {
    double begin, seconds;
    enum class Kind { other, update, input, sums } kind;
};

struct Step {
    double work = 0, input = 0;  ///< seconds
};

[[noreturn]] void refuse_trace(const std::string& origin, const std::string& what) {
    throw InputError(fmt::format("[scale] {}: {}", origin, what));
}

Event::Kind kind_of(const std::string& name) {
    if (name == "wait for input") return Event::Kind::input;
    if (name == "wait for sums") return Event::Kind::sums;
    return name == "sgd_update" || name == "adam_update" ? Event::Kind::update : Event::Kind::other;
}

/// The events of each rank on the thread that trains, which is the one that updates.
std::map<std::int64_t, std::vector<Event>> events_of(const Json& trace, const std::string& origin) {
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Event>> threads;
    for (const Json& entry : trace.at("traceEvents")) {
        if (entry.at("ph").get<std::string>() != "X") continue;
        threads[{entry.at("pid").get<std::int64_t>(), entry.at("tid").get<std::int64_t>()}].push_back(
            {entry.at("ts").get<double>(), entry.at("dur").get<double>(),
             kind_of(entry.at("name").get<std::string>())});
    }
    std::map<std::int64_t, std::vector<Event>> ranks;
    for (auto& [thread, events] : threads)
        if (std::ranges::any_of(events, [](const Event& e) { return e.kind == Event::Kind::update; }) &&
            !ranks.try_emplace(thread.first, std::move(events)).second)
            refuse_trace(origin, fmt::format("two threads of rank {} update weights: which one trains?", thread.first));
    return ranks;
}

/// An update that no other follows before another kind of work ends a step.
std::vector<Step> steps_of(std::vector<Event> events) {
    std::ranges::stable_sort(events, {}, &Event::begin);
    std::vector<Step> steps;
    Step step;
    double ended = 0, updated = 0;
    bool updating = false, first = true;
    const auto end = [&] {
        step.work += 1e-6 * (updated - ended);
        if (!first) steps.push_back(step);
        step = {};
        first = updating = false;
        ended = updated;
    };
    for (const Event& event : events) {
        if (updating && event.kind != Event::Kind::update && event.begin >= updated) end();
        if (event.kind == Event::Kind::update) {
            updating = true;
            updated = std::max(updated, event.begin + event.seconds);
        }
        if (event.kind == Event::Kind::input || event.kind == Event::Kind::sums) step.work -= 1e-6 * event.seconds;
        if (event.kind == Event::Kind::input) step.input += 1e-6 * event.seconds;
    }
    if (updating) end();
    return steps;
}

}  // namespace

TracedRanks traced_ranks(std::string_view json, const std::string& origin) {
    std::vector<std::vector<Step>> ranks;
    try {
        for (auto& [rank, events] : events_of(parse_json(std::string(json)), origin))
            ranks.push_back(steps_of(std::move(events)));
    } catch (const Json::exception& error) {
        refuse_trace(origin, fmt::format("wanted a trace of --trace-steps: {}", error.what()));
    }
    std::size_t steps = ranks.empty() ? 0 : ranks[0].size();
    for (const auto& rank : ranks) steps = std::min(steps, rank.size());
    if (steps == 0)
        refuse_trace(origin, "wanted two steps or more of each rank, whose last part is the optimizer's update");
    std::vector<double> all;
    for (const auto& rank : ranks)
        for (std::size_t s = 0; s < steps; ++s) all.push_back(rank[s].work);
    TracedRanks result{.ranks = {}, .seconds = median(all), .steps = static_cast<int>(steps)};
    for (const auto& rank : ranks) {
        auto& own = result.ranks.emplace_back();
        for (std::size_t s = 0; s < steps; ++s) {
            if (rank[s].work <= 0) refuse_trace(origin, "a step whose waits are longer than itself");
            const MeasuredStep step{rank[s].work / result.seconds, std::max(0.0, rank[s].input)};
            if (!(step.factor > 0) || !std::isfinite(step.factor) || !std::isfinite(step.input))
                refuse_trace(origin, "times that are no microseconds of a run");
            own.push_back(step);
        }
    }
    return result;
}

}  // namespace keel
