// The search itself: which candidate to look at next, and what came of it. Pure functions of what was measured.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tune/fit/candidate.h"
#include "tune/fit/limits.h"

namespace keel::fit {

/// What is known of a candidate that was looked at: figures, or why there are none.
struct Measured {
    Candidate candidate{};
    std::optional<Figures> figures{};
    std::string failure{};  ///< for people; empty where there are figures
};

/// The speed of a body whose weights are not trained yet, in one form.
struct Probe {
    Body body{};
    Form form = Form::f32;
    Speed speed{};
    std::string failure{};  ///< why there is none; empty where there is one
};

struct Knowledge {
    std::vector<Measured> measured{};
    std::vector<Probe> probes{};
};

/// What to do next: to measure the candidate, or only its body's speed in that form, before time is spent on training.
struct Step {
    Way way = Way::precision;
    Candidate candidate{};
    bool probe = false;
};

struct SearchOptions {
    bool all = false;  ///< goes through all stages, whether or not something satisfies already
};

/// How much too slow a body may be before training for it to be trained all the same: speed is measured with noise.
inline constexpr double kProbeSlack = 0.1;

/// Returns the next step, or none where the search is over: all is measured, or something satisfies and its stage is
/// measured. A body to be trained is probed first in all its forms, and only trained if one of them is fast enough; an
/// int8 model leaves layers in f32 only if the one before it lost too much, more than its like in f32, and was fast
/// enough; of smaller images and fewer channels the search goes no further than where f32 loses too much, unless all is
/// asked for. `limits`: none before
/// the very first candidate has figures.
std::optional<Step> next_step(std::span<const Stage> stages, const Knowledge& known,
                              const std::optional<Limits>& limits, const SearchOptions& options = {});

/// Returns candidates that the search left out, and why, for people.
std::vector<std::pair<Candidate, std::string>> left_out(std::span<const Stage> stages, const Knowledge& known,
                                                        const Limits& limits, const SearchOptions& options = {});

/// What a search came to. Indices are into Knowledge::measured.
struct Verdict {
    std::optional<std::size_t> chosen{};    ///< the most accurate of those that keep to all limits
    std::optional<std::size_t> nearest{};   ///< where there is none: the one whose largest miss is least
    std::vector<Miss> misses{};             ///< of that one
    std::vector<std::size_t> satisfying{};  ///< the most accurate first
};

/// Returns the verdict. Of models of the same metric the faster one is taken, of those as fast the smaller one, of
/// those the one measured first.
Verdict verdict_of(std::span<const Measured> measured, const Limits& limits);

/// Returns those that no other beats: none is at least as accurate and as cheap, and better in one of both. `cost` is
/// the lower the better. The cheapest first.
std::vector<std::size_t> frontier_of(std::span<const Measured> measured,
                                     const std::function<double(const Figures&)>& cost);

}  // namespace keel::fit
