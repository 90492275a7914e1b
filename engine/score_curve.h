// One label's scores against the truth: how right they are at every threshold, and what follows from that. All
// arithmetic is in double over exact counts; nothing here depends on the order of the samples.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace keel {

/// What a threshold calls positive: the samples that score at least as high.
struct CurvePoint {
    double threshold;
    std::int64_t true_positives, false_positives;
};

/// A point a distinct score, from the highest down; equal scores cannot be told apart, so they share one. The points
/// behind (0, 0) are the ROC curve, (false_positives / negatives, true_positives / positives), and the precision-recall
/// curve, (true_positives / positives, true_positives / (true_positives + false_positives)).
struct ScoreCurve {
    std::vector<CurvePoint> points;
    std::int64_t positives = 0, negatives = 0;
};

/// Targets: > 0.5 positive, in [0, 0.5] negative, < 0 missing (not counted). Throws InputError for a NaN score or
/// target, UsageError if the sizes differ.
ScoreCurve score_curve(std::span<const double> scores, std::span<const float> targets);

/// Area under the ROC curve: the probability that a positive scores higher than a negative, ties counting half (the
/// Mann-Whitney statistic). Empty if there is no positive or no negative.
std::optional<double> auroc(const ScoreCurve& curve);

struct Interval {
    double low, high;
};

/// The 95 % confidence interval of auroc(), its variance by DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988),
/// the normal distribution's limits cut to [0, 1]. Where every positive scores above every negative the variance that
/// the method sees is 0, and the interval a point. Empty if there are fewer than two positives or two negatives.
std::optional<Interval> auroc_interval(const ScoreCurve& curve);

/// Sum over the thresholds, highest first, of precision times the recall gained. Empty if there is no positive.
std::optional<double> average_precision(const ScoreCurve& curve);

struct BestF1 {
    double threshold, f1;
};

/// The threshold with the highest F1 score, 2 TP / (2 TP + FP + FN); the highest such one. Empty if there is no
/// positive.
std::optional<BestF1> best_f1(const ScoreCurve& curve);

/// Expected calibration error of the probability of the positive class (Naeini et al. 2015): over `bins` equal parts of
/// [0, 1], the last one closed, the mean over the samples of |mean probability - share of positives|. Targets as in
/// score_curve(). Empty without samples, or if one of them is no probability, i.e. outside [0, 1]. Throws as
/// score_curve() does.
std::optional<double> calibration_error(std::span<const double> probabilities, std::span<const float> targets,
                                        int bins = 15);

}  // namespace keel
