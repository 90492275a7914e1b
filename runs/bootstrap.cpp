#include "runs/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "kernels/random.h"

namespace keel {
namespace {

/// The q quantile of sorted values, linear between neighbours.
double quantile(const std::vector<double>& sorted, double q) {
    const double at = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Patients number_patients(const std::vector<std::string>& names, std::size_t samples) {
    Patients patients;
    std::unordered_map<std::string, std::size_t> numbers;
    for (std::size_t i = 0; i < samples; ++i) {
        if (names.empty() || names[i].empty()) {
            patients.of_sample.push_back(patients.count++);
            continue;
        }
        const auto [entry, added] = numbers.emplace(names[i], patients.count);
        if (added) ++patients.count;
        patients.of_sample.push_back(entry->second);
    }
    return patients;
}

std::vector<std::uint32_t> draw_patients(std::size_t patients, std::uint64_t seed, std::uint64_t replicate) {
    Random random(seed, Draw::bootstrap, replicate);
    std::vector<std::uint32_t> times(patients);
    for (std::size_t i = 0; i < patients; ++i) ++times[random.below(static_cast<std::uint32_t>(patients))];
    return times;
}

RankedSamples rank_samples(const LabelColumn& column, const std::vector<std::size_t>& members, const Patients& patients,
                           const std::optional<double>& threshold) {
    std::vector<std::size_t> order;
    for (const std::size_t i : members)
        if (!(column.targets[i] < 0)) order.push_back(i);
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return column.scores[a] > column.scores[b]; });
    RankedSamples ranked{.threshold = threshold};
    for (const std::size_t i : order) {
        ranked.patients.push_back(patients.of_sample[i]);
        ranked.scores.push_back(column.scores[i]);
        ranked.positive.push_back(column.targets[i] > 0.5F);
    }
    return ranked;
}

std::array<double, kRankedMeasures> measure_ranked(const RankedSamples& ranked,
                                                   const std::vector<std::uint32_t>& weights) {
    constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
    double positives = 0, negatives = 0, pairs = 0, missed = 0, alarms = 0;
    for (std::size_t i = 0; i < ranked.scores.size();) {
        double tied_positives = 0, tied_negatives = 0;
        const double score = ranked.scores[i];
        for (; i < ranked.scores.size() && ranked.scores[i] == score; ++i)
            (ranked.positive[i] ? tied_positives : tied_negatives) += weights[ranked.patients[i]];
        // Every negative here is beaten by the positives above it, and by half of those beside it.
        pairs += tied_negatives * (positives + 0.5 * tied_positives);
        positives += tied_positives;
        negatives += tied_negatives;
        if (!ranked.threshold) continue;
        if (score >= *ranked.threshold)
            alarms += tied_negatives;
        else
            missed += tied_positives;
    }
    const auto ratio = [](double part, double whole) { return whole > 0 ? part / whole : kUndefined; };
    return {ratio(pairs, positives * negatives), ranked.threshold ? ratio(missed, positives) : kUndefined,
            ranked.threshold ? ratio(alarms, negatives) : kUndefined};
}

std::optional<Interval> interval_of(std::vector<double> values) {
    const std::size_t all = values.size();
    std::erase_if(values, [](double v) { return std::isnan(v); });
    if (values.size() < 2 || 2 * values.size() < all) return std::nullopt;
    std::ranges::sort(values);
    return Interval{quantile(values, 0.025), quantile(values, 0.975)};
}

}  // namespace keel
