#include "tune/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tune/parzen.h"

namespace keel::tune {
namespace {

constexpr double kNotThere = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMostGood = 25;
constexpr int kDraws = 200;  // of a point that must be a new one

/// The values that a parameter has in observations, where it is there.
std::vector<double> values_of(std::span<const Observation> observations, std::size_t parameter) {
    std::vector<double> values;
    for (const Observation& observation : observations)
        if (!std::isnan(observation.point[parameter])) values.push_back(observation.point[parameter]);
    return values;
}

/// The draw of the good density at which it is largest against the other one.
double best_draw(const Parameter& parameter, std::span<const double> good, std::span<const double> others,
                 int candidates, Random& random) {
    const Parzen of_good(parameter, good), of_others(parameter, others);
    double best = 0, best_ratio = -std::numeric_limits<double>::infinity();
    for (int i = 0; i < candidates; ++i) {
        const double value = of_good.draw(random);
        const double ratio = of_good.log_density(value) - of_others.log_density(value);
        if (ratio <= best_ratio) continue;
        best = value;
        best_ratio = ratio;
    }
    return best;
}

/// Each parameter, its parents before it, by `draw` where it is there.
template <class Draw>
Point point_of(const Space& space, const Draw& draw) {
    Point point(space.parameters.size(), kNotThere);
    for (std::size_t i = 0; i < point.size(); ++i)
        if (is_active(space, point, i)) point[i] = draw(i);
    return point;
}

/// The observations of the highest rung that has one more than parameters, and `startup` at least; none otherwise.
std::span<const Observation> worth_learning_from(const History& history, std::size_t parameters, std::size_t startup) {
    const std::size_t enough = std::max(parameters + 1, startup);
    for (auto rung = history.rbegin(); rung != history.rend(); ++rung) {
        const auto defined = std::ranges::count_if(*rung, [](const Observation& o) { return !std::isnan(o.score); });
        if (static_cast<std::size_t>(defined) >= enough) return *rung;
    }
    return {};
}

}  // namespace

Point draw_random(const Space& space, Random& random) {
    return point_of(space, [&](std::size_t i) { return draw_evenly(space.parameters[i], random); });
}

Point draw_tpe(const Space& space, std::span<const Observation> known, Random& random, const TpeOptions& options) {
    if (known.size() < options.startup) return draw_random(space, random);
    std::vector<Observation> sorted(known.begin(), known.end());
    std::ranges::stable_sort(sorted, [](const Observation& a, const Observation& b) {
        return std::isnan(b.score) ? !std::isnan(a.score) : a.score > b.score;
    });
    const auto wanted = static_cast<std::size_t>(std::ceil(options.good * static_cast<double>(sorted.size())));
    const auto good = std::span<const Observation>(sorted).first(std::clamp<std::size_t>(wanted, 1, kMostGood));
    const auto others = std::span<const Observation>(sorted).subspan(good.size());
    return point_of(space, [&](std::size_t i) {
        return best_draw(space.parameters[i], values_of(good, i), values_of(others, i), options.candidates, random);
    });
}

std::optional<Point> draw_trial(std::string_view sampler, const Space& space, const History& history,
                                std::span<const Point> taken, std::uint64_t seed) {
    const TpeOptions options;
    const auto known = sampler == "tpe" ? worth_learning_from(history, space.parameters.size(), options.startup)
                                        : std::span<const Observation>();
    for (std::uint64_t attempt = 0; attempt < kDraws; ++attempt) {
        Random random(seed, Draw::search, taken.size(), attempt);
        // A model that is sure of a point proposes it again and again: half of the tries are anywhere.
        Point point =
            known.empty() || attempt % 2 == 1 ? draw_random(space, random) : draw_tpe(space, known, random, options);
        if (std::ranges::none_of(taken, [&](const Point& other) { return same(point, other); })) return point;
    }
    return std::nullopt;
}

}  // namespace keel::tune
