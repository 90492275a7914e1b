// Which point of a space is tried next. Draws depend on the seed, the trial's number and what is known of other trials
// alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/random.h"
#include "tune/space.h"

namespace keel::tune {

inline constexpr std::string_view kSamplers[] = {"random", "tpe"};

/// A point and how good it was; a larger score is better, NaN worse than any.
struct Observation {
    Point point;
    double score = 0;
};

/// Returns a point with every parameter drawn from the whole of its range.
Point draw_random(const Space& space, Random& random);

/// Tree of Parzen estimators (Bergstra et al., "Algorithms for hyper-parameter optimization", NIPS 2011).
struct TpeOptions {
    std::size_t startup = 10;  ///< points of random draws before there is a model
    double good = 0.1;         ///< share of the observations that are the good ones, 25 at most
    int candidates = 8;        ///< drawn for each parameter; more of them explore less
};

/// Returns a point of which each parameter, given its parents, is the one of some draws from the density of the good
/// observations that is largest against the density of the others: parameters are taken as independent otherwise.
Point draw_tpe(const Space& space, std::span<const Observation> known, Random& random, const TpeOptions& options = {});

/// What is known of trials, by rung: TPE learns from the highest rung that has enough observations.
using History = std::vector<std::vector<Observation>>;

/// Returns the point of trial `trial`, another one than all of `taken`; none where many draws found no other.
std::optional<Point> draw_trial(std::string_view sampler, const Space& space, const History& history,
                                std::span<const Point> taken, std::uint64_t seed);

}  // namespace keel::tune
