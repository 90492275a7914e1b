#include "tune/fit/run_search.h"

#include <new>
#include <optional>
#include <utility>

#include "kernels/error.h"

namespace keel::fit {
namespace {

/// What a call returns, or why a candidate is none: its error's message.
template <class Result>
std::pair<std::optional<Result>, std::string> attempt(const std::function<Result()>& call) {
    try {
        return {call(), ""};
    } catch (const IoError&) {
        throw;
    } catch (const Error& error) {
        return {std::nullopt, error.what()};
    } catch (const std::bad_alloc&) {
        return {std::nullopt, "[memory] out of memory"};
    }
}

}  // namespace

SearchResult run_search(const Space& space, const Wishes& wishes, Measuring& measuring, const SearchOptions& options,
                        const SearchHooks& hooks) {
    SearchResult result{.stages = stages_of(space), .options = options};
    std::optional<Limits> limits;
    while (const std::optional<Step> step = next_step(result.stages, result.known, limits, options)) {
        result.out_of_time = limits && hooks.out_of_time && hooks.out_of_time();
        if (result.out_of_time) break;
        if (hooks.on_step) hooks.on_step(*step);
        const Candidate& candidate = step->candidate;
        if (step->probe) {
            auto [speed, failure] = attempt<Speed>([&] { return measuring.probe(candidate.body, candidate.form); });
            result.known.probes.push_back({candidate.body, candidate.form, speed.value_or(Speed{}), failure});
            if (hooks.on_probe) hooks.on_probe(result.known.probes.back());
            continue;
        }
        if (!limits) {  // without the checkpoint there is nothing to compare with
            result.known.measured.push_back({candidate, measuring.measure(candidate), ""});
            limits = limits_of(wishes, *result.known.measured.back().figures);
        } else {
            auto [figures, failure] = attempt<Figures>([&] { return measuring.measure(candidate); });
            result.known.measured.push_back({candidate, figures, failure});
        }
        if (hooks.on_measured) hooks.on_measured(result.known.measured.back());
    }
    result.limits = *limits;
    result.verdict = verdict_of(result.known.measured, result.limits);
    return result;
}

}  // namespace keel::fit
