#include "tune/importance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace keel::tune {
namespace {

constexpr std::size_t kGroups = 4, kFewest = 8;  // groups of a number; trials

struct Ranked {
    const Point* point = nullptr;
    double score = 0, rank = 0;
};

/// Ranks from 0, the same, a mean, for equal scores.
void rank(std::vector<Ranked>& trials) {
    const auto key = [](const Ranked& trial) {
        return std::isnan(trial.score) ? -std::numeric_limits<double>::infinity() : trial.score;
    };
    std::ranges::stable_sort(trials, {}, key);
    for (std::size_t begin = 0, end = 0; begin < trials.size(); begin = end) {
        while (end < trials.size() && key(trials[end]) == key(trials[begin])) ++end;
        for (std::size_t i = begin; i < end; ++i) trials[i].rank = 0.5 * static_cast<double>(begin + end - 1);
    }
}

/// The group of each trial by one parameter; -1: it is not there.
std::vector<int> groups_by(const Parameter& parameter, std::size_t index, const std::vector<Ranked>& trials) {
    std::vector<double> there;
    for (const Ranked& trial : trials)
        if (!std::isnan((*trial.point)[index])) there.push_back((*trial.point)[index]);
    std::ranges::sort(there);
    std::vector<int> groups;
    for (const Ranked& trial : trials) {
        const double value = (*trial.point)[index];
        if (std::isnan(value)) {
            groups.push_back(-1);
        } else if (parameter.is_choice()) {
            groups.push_back(static_cast<int>(value));
        } else {  // equal values are in one group
            const auto below = std::ranges::lower_bound(there, value) - there.begin();
            groups.push_back(static_cast<int>(static_cast<std::size_t>(below) * kGroups / there.size()));
        }
    }
    return groups;
}

double share_of(const std::vector<Ranked>& trials, const std::vector<int>& groups) {
    struct Sum {
        double sum = 0, count = 0;
    };
    std::map<int, Sum> of_group;
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < trials.size(); ++i) {
        of_group[groups[i]].sum += trials[i].rank;
        ++of_group[groups[i]].count;
        sum += trials[i].rank;
        squares += trials[i].rank * trials[i].rank;
    }
    const double n = static_cast<double>(trials.size()), k = static_cast<double>(of_group.size());
    const double total = squares - sum * sum / n;
    if (k < 2 || n <= k || total <= 0) return std::numeric_limits<double>::quiet_NaN();
    double between = -sum * sum / n;
    for (const auto& [group, part] : of_group) between += part.sum * part.sum / part.count;
    return std::clamp(1 - (1 - between / total) * (n - 1) / (n - k), 0.0, 1.0);
}

}  // namespace

std::vector<double> importance(const SearchFacts& facts) {
    std::vector<Ranked> trials;
    for (std::size_t trial = 0; trial < facts.points.size(); ++trial)
        if (const auto score = facts.score_of({static_cast<int>(trial), 0}))
            trials.push_back({&facts.points[trial], *score});
    rank(trials);
    std::vector<double> shares;
    for (std::size_t i = 0; i < facts.space.parameters.size(); ++i)
        shares.push_back(trials.size() < kFewest ? std::numeric_limits<double>::quiet_NaN()
                                                 : share_of(trials, groups_by(facts.space.parameters[i], i, trials)));
    return shares;
}

}  // namespace keel::tune
