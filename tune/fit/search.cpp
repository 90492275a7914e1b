#include "tune/fit/search.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace keel::fit {
namespace {

const Measured* find(const Knowledge& known, const Candidate& candidate) {
    const auto found = std::ranges::find(known.measured, candidate, &Measured::candidate);
    return found == known.measured.end() ? nullptr : &*found;
}

const Probe* find_probe(const Knowledge& known, const Body& body, Form form) {
    const auto found = std::ranges::find_if(
        known.probes, [&](const Probe& probe) { return probe.body == body && probe.form == form; });
    return found == known.probes.end() ? nullptr : &*found;
}

bool is_drop(const Miss& miss) { return miss.what == "drop"; }

/// Whether a probe rules out its form: too slow, or it does not run at all.
bool rules_out(const Probe& probe, const Limits& limits) {
    if (!probe.failure.empty()) return true;
    return std::ranges::any_of(misses_of(probe.speed, limits),
                               [](const Miss& miss) { return miss.share > kProbeSlack; });
}

/// Whether a model that was looked at lost more than is allowed.
bool lost_too_much(const Measured* measured, const Limits& limits) {
    return measured != nullptr && measured->figures &&
           std::ranges::any_of(misses_of(*measured->figures, limits), is_drop);
}

/// Whether a body of more pixels or channels lost too much already: those behind it lose more.
bool gentler_lost(const Candidate& candidate, const Stage& stage, const Knowledge& known, const Limits& limits) {
    if (stage.way != Way::size && stage.way != Way::fine_tune && stage.way != Way::prune) return false;
    for (const Candidate& other : stage.candidates) {
        if (other.body == candidate.body) break;
        if (other.form == Form::f32 && lost_too_much(find(known, other), limits)) return true;
    }
    return false;
}

/// Why a candidate need not be measured, by what is known; empty: it must be.
std::string needless(const Candidate& candidate, const Stage& stage, const Knowledge& known, const Limits& limits) {
    if (candidate.body.making != Making::as_is) {
        bool any = false;
        for (const Candidate& other : stage.candidates) {
            const Probe* const probe =
                other.body == candidate.body ? find_probe(known, other.body, other.form) : nullptr;
            any = any || (probe != nullptr && !rules_out(*probe, limits));
        }
        if (!any) return "not trained: too slow in every form, by a measurement before training";
    }
    if (candidate.kept == 0) return "";
    const Measured* before = nullptr;  // with fewer layers in f32
    for (const Candidate& other : stage.candidates) {
        if (other == candidate) break;
        if (other.body == candidate.body && other.form == Form::int8) before = find(known, other);
    }
    if (before == nullptr || !before->figures) return "the int8 model before it was not measured";
    if (lost_too_much(find(known, {candidate.body, Form::f32}), limits))
        return "the same model loses too much in f32, which layers in f32 do not mend";
    if (!lost_too_much(before, limits)) return "the int8 model before it lost no more than is allowed";
    if (!misses_of(before->figures->speed, limits).empty())
        return "the int8 model before it, with fewer layers in f32, was too slow";
    return "";
}

/// What is left to do about a candidate; `probes` asks for its body's speed in all forms first.
std::optional<Step> step_for(const Candidate& candidate, const Stage& stage, const Knowledge& known,
                             const Limits& limits, const SearchOptions& options) {
    if (find(known, candidate) != nullptr) return std::nullopt;
    if (!options.all && gentler_lost(candidate, stage, known, limits)) return std::nullopt;
    if (candidate.body.making != Making::as_is)
        for (const Candidate& other : stage.candidates)
            if (other.body == candidate.body && other.kept == 0 && find_probe(known, other.body, other.form) == nullptr)
                return Step{stage.way, other, true};
    if (!needless(candidate, stage, known, limits).empty()) return std::nullopt;
    return Step{stage.way, candidate, false};
}

double worst(const std::vector<Miss>& misses) {
    double share = 0;
    for (const Miss& miss : misses) share = std::max(share, miss.share);
    return share;
}

/// What comes first in the order of verdict_of().
bool is_better(const Figures& a, const Figures& b) {
    return std::tuple(-a.metric, -a.speed.images_per_second, a.megabytes) <
           std::tuple(-b.metric, -b.speed.images_per_second, b.megabytes);
}

}  // namespace

std::optional<Step> next_step(std::span<const Stage> stages, const Knowledge& known,
                              const std::optional<Limits>& limits, const SearchOptions& options) {
    const Candidate& first = stages.front().candidates.front();
    if (!limits || find(known, first) == nullptr) return Step{stages.front().way, first, false};
    for (const Stage& stage : stages) {
        for (const Candidate& candidate : stage.candidates)
            if (auto step = step_for(candidate, stage, known, *limits, options)) return step;
        // Of this stage, as what a later one has is known before that is measured to its end.
        if (!options.all && std::ranges::any_of(stage.candidates, [&](const Candidate& candidate) {
                const Measured* const measured = find(known, candidate);
                return measured != nullptr && measured->figures && misses_of(*measured->figures, *limits).empty();
            }))
            return std::nullopt;
    }
    return std::nullopt;
}

std::vector<std::pair<Candidate, std::string>> left_out(std::span<const Stage> stages, const Knowledge& known,
                                                        const Limits& limits, const SearchOptions& options) {
    std::vector<std::pair<Candidate, std::string>> all;
    for (const Stage& stage : stages)
        for (const Candidate& candidate : stage.candidates) {
            if (find(known, candidate) != nullptr) continue;
            if (!options.all && gentler_lost(candidate, stage, known, limits)) {
                all.emplace_back(candidate, "a model of more pixels or channels lost too much already");
                continue;
            }
            const bool reached =
                candidate.body.making == Making::as_is || find_probe(known, candidate.body, Form::f32) != nullptr;
            const std::string why = reached ? needless(candidate, stage, known, limits) : "";
            all.emplace_back(candidate, why.empty() ? "not looked at: the search ended before" : why);
        }
    return all;
}

Verdict verdict_of(std::span<const Measured> measured, const Limits& limits) {
    Verdict verdict;
    double least = 0;
    for (std::size_t i = 0; i < measured.size(); ++i) {
        if (!measured[i].figures) continue;
        std::vector<Miss> misses = misses_of(*measured[i].figures, limits);
        if (misses.empty()) {
            verdict.satisfying.push_back(i);
            continue;
        }
        const double share = worst(misses);
        if (verdict.nearest && !(share < least)) continue;
        verdict.nearest = i;
        verdict.misses = std::move(misses);
        least = share;
    }
    std::ranges::stable_sort(verdict.satisfying, [&](std::size_t a, std::size_t b) {
        return is_better(*measured[a].figures, *measured[b].figures);
    });
    if (verdict.satisfying.empty()) return verdict;
    verdict.chosen = verdict.satisfying.front();
    verdict.nearest.reset();
    verdict.misses.clear();
    return verdict;
}

std::vector<std::size_t> frontier_of(std::span<const Measured> measured,
                                     const std::function<double(const Figures&)>& cost) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < measured.size(); ++i)
        if (measured[i].figures) order.push_back(i);
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
        const Figures &x = *measured[a].figures, &y = *measured[b].figures;
        return std::pair(cost(x), -x.metric) < std::pair(cost(y), -y.metric);
    });
    std::vector<std::size_t> frontier;
    for (const std::size_t i : order)  // the cheapest first: one that is no more accurate than a cheaper one is beaten
        if (frontier.empty() || measured[i].figures->metric > measured[frontier.back()].figures->metric)
            frontier.push_back(i);
    return frontier;
}

}  // namespace keel::fit
