#include "engine/score_curve.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/error.h"

namespace keel {
namespace {

/// 97.5 % quantile of the normal distribution.
constexpr double kNormalQuantile = 1.959963984540054;

double number(std::int64_t count) { return static_cast<double>(count); }  // below 2^53: exact

/// Calls use(score, positive) for the samples that are not missing.
template <class Use>
void for_each_sample(std::span<const double> scores, std::span<const float> targets, Use&& use) {
    if (scores.size() != targets.size())
        throw UsageError("[scores] " + std::to_string(scores.size()) + " scores, but " +
                         std::to_string(targets.size()) + " targets");
    for (std::size_t i = 0; i < scores.size(); ++i) {
        if (std::isnan(scores[i]) || std::isnan(targets[i]))
            throw InputError("[scores] wanted a number for sample " + std::to_string(i) + ", got NaN");
        if (!(targets[i] < 0)) use(scores[i], targets[i] > 0.5F);
    }
}

/// Positives and negatives that share a score, and how many negatives lie above them.
struct Tie {
    double positives, negatives, negatives_above, positives_above;
};

/// Calls use(tie) for every distinct score, from the highest down.
template <class Use>
void for_each_tie(const ScoreCurve& curve, Use&& use) {
    CurvePoint above{0, 0, 0};
    for (const CurvePoint& point : curve.points) {
        use(Tie{number(point.true_positives - above.true_positives),
                number(point.false_positives - above.false_positives), number(above.false_positives),
                number(above.true_positives)});
        above = point;
    }
}

}  // namespace

ScoreCurve score_curve(std::span<const double> scores, std::span<const float> targets) {
    struct Scored {
        double score;
        bool positive;
    };
    std::vector<Scored> samples;
    samples.reserve(scores.size());
    for_each_sample(scores, targets, [&](double score, bool positive) { samples.push_back({score, positive}); });
    std::ranges::sort(samples, std::greater{}, &Scored::score);
    ScoreCurve curve;
    for (std::size_t i = 0; i < samples.size();) {
        const double score = samples[i].score;
        for (; i < samples.size() && samples[i].score == score; ++i)
            ++(samples[i].positive ? curve.positives : curve.negatives);
        curve.points.push_back({score, curve.positives, curve.negatives});
    }
    return curve;
}

std::optional<double> auroc(const ScoreCurve& curve) {
    if (curve.positives == 0 || curve.negatives == 0) return std::nullopt;
    double pairs = 0;  // that a positive wins, in halves: exact
    for_each_tie(curve, [&](const Tie& tie) {
        pairs += tie.positives * (number(curve.negatives) - tie.negatives_above - 0.5 * tie.negatives);
    });
    return pairs / (number(curve.positives) * number(curve.negatives));
}

// A positive's placement is the share of negatives below it, a negative's that of positives above it, ties counting
// half; both have the mean AUROC. DeLong's variance is var(placements of positives) / positives + the same of
// negatives.
std::optional<Interval> auroc_interval(const ScoreCurve& curve) {
    if (curve.positives < 2 || curve.negatives < 2) return std::nullopt;
    const double positives = number(curve.positives), negatives = number(curve.negatives), area = *auroc(curve);
    const auto square = [](double value) { return value * value; };
    double of_positives = 0, of_negatives = 0;
    for_each_tie(curve, [&](const Tie& tie) {
        of_positives +=
            tie.positives * square((negatives - tie.negatives_above - 0.5 * tie.negatives) / negatives - area);
        of_negatives += tie.negatives * square((tie.positives_above + 0.5 * tie.positives) / positives - area);
    });
    const double variance = of_positives / (positives - 1) / positives + of_negatives / (negatives - 1) / negatives;
    const double reach = kNormalQuantile * std::sqrt(variance);
    return Interval{std::max(area - reach, 0.0), std::min(area + reach, 1.0)};
}

std::optional<double> average_precision(const ScoreCurve& curve) {
    if (curve.positives == 0) return std::nullopt;
    double sum = 0;
    std::int64_t found = 0;
    for (const CurvePoint& point : curve.points) {
        const double precision = number(point.true_positives) / number(point.true_positives + point.false_positives);
        sum += number(point.true_positives - found) * precision;
        found = point.true_positives;
    }
    return sum / number(curve.positives);
}

std::optional<BestF1> best_f1(const ScoreCurve& curve) {
    if (curve.positives == 0) return std::nullopt;
    BestF1 best{0, -1};
    for (const CurvePoint& point : curve.points) {
        // 2 TP + FP + FN are the samples called positive and those that are.
        const double f1 =
            2 * number(point.true_positives) / number(point.true_positives + point.false_positives + curve.positives);
        if (f1 > best.f1) best = {point.threshold, f1};
    }
    return best;
}

std::optional<double> calibration_error(std::span<const double> probabilities, std::span<const float> targets,
                                        int bins) {
    if (bins < 1) throw UsageError("[scores] wanted at least one bin, got " + std::to_string(bins));
    std::vector<double> excess(static_cast<std::size_t>(bins));  // sum of probability - truth
    std::int64_t samples = 0;
    bool valid = true;
    for_each_sample(probabilities, targets, [&](double probability, bool positive) {
        ++samples;
        valid = valid && probability >= 0 && probability <= 1;
        if (!valid) return;
        const auto bin = std::min(static_cast<std::size_t>(probability * bins), excess.size() - 1);
        excess[bin] += probability - (positive ? 1 : 0);
    });
    if (!valid || samples == 0) return std::nullopt;
    double error = 0;
    for (const double sum : excess) error += std::abs(sum);
    return error / number(samples);
}

}  // namespace keel
