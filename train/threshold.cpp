#include "train/threshold.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include <fmt/format.h>

#include "kernels/error.h"

namespace keel {
namespace {

OperatingPoint point_at(const ScoreCurve& curve, const CurvePoint& p) {
    return {p.threshold, static_cast<double>(p.true_positives) / static_cast<double>(curve.positives),
            1 - static_cast<double>(p.false_positives) / static_cast<double>(curve.negatives)};
}

bool one_sided(const ScoreCurve& curve) { return curve.positives == 0 || curve.negatives == 0; }

void check(const ThresholdOptions& o) {
    if (o.rule != "youden" && o.rule != "f1" && o.rule != "sensitivity")
        throw UsageError("[threshold] wanted youden, f1 or sensitivity, got '" + o.rule + "'");
    if (!(o.least_sensitivity > 0 && o.least_sensitivity <= 1))
        throw UsageError(
            fmt::format("[threshold] wanted a sensitivity above 0 and at most 1, got {:g}", o.least_sensitivity));
    if (!o.calibration.empty() && o.calibration != "temperature" && o.calibration != "platt")
        throw UsageError("[threshold] wanted a calibration by temperature or platt, got '" + o.calibration + "'");
}

/// The negative log likelihood of targets t under sigmoid(f), without overflow.
double term(double f, double t) {
    return f >= 0 ? (1 - t) * f + std::log1p(std::exp(-f)) : -t * f + std::log1p(std::exp(f));
}

/// What Platt's fit minimizes.
struct PlattProblem {
    std::vector<double> z, targets;

    double loss(double slope, double offset) const {
        double sum = 0;
        for (std::size_t i = 0; i < z.size(); ++i) sum += term(slope * z[i] + offset, targets[i]);
        return sum;
    }
};

PlattProblem platt_problem(std::span<const double> z, std::span<const float> targets) {
    const auto positives = static_cast<double>(std::ranges::count_if(targets, [](float t) { return t > 0.5F; })),
               negatives =
                   static_cast<double>(std::ranges::count_if(targets, [](float t) { return t >= 0 && t <= 0.5F; }));
    PlattProblem problem;
    for (std::size_t i = 0; i < z.size(); ++i) {
        if (targets[i] < 0) continue;
        problem.z.push_back(z[i]);
        problem.targets.push_back(targets[i] > 0.5F ? (positives + 1) / (positives + 2) : 1 / (negatives + 2));
    }
    return problem;
}

/// Newton's step of the fit at (slope, offset); zeros where it has arrived.
std::pair<double, double> platt_step(const PlattProblem& problem, double slope, double offset) {
    double h11 = 1e-12, h22 = 1e-12, h21 = 0, g1 = 0, g2 = 0;
    for (std::size_t i = 0; i < problem.z.size(); ++i) {
        const double z = problem.z[i], p = 1 / (1 + std::exp(-(slope * z + offset))), d2 = p * (1 - p),
                     d1 = p - problem.targets[i];
        h11 += z * z * d2;
        h22 += d2;
        h21 += z * d2;
        g1 += z * d1;
        g2 += d1;
    }
    const double scale = 1e-9 * static_cast<double>(problem.z.size());
    if (std::abs(g1) < scale && std::abs(g2) < scale) return {0, 0};
    const double determinant = h11 * h22 - h21 * h21;
    return {-(h22 * g1 - h21 * g2) / determinant, -(h11 * g2 - h21 * g1) / determinant};
}

/// The derivative of the loss by the slope, of one sample after another.
double temperature_slope(const ModelSpec& spec, const Predictions& p, double slope) {
    const std::size_t labels = spec.label_names.size();
    double sum = 0;
    std::vector<double> logs(labels), weights(labels);
    for (std::size_t i = 0; i < p.probabilities.size(); i += labels) {
        if (spec.multi_label) {
            for (std::size_t k = 0; k < labels; ++k) {
                if (p.targets[i + k] < 0) continue;
                const double z = logit_of(p.probabilities[i + k]);
                sum += z * (1 / (1 + std::exp(-slope * z)) - p.targets[i + k]);
            }
            continue;
        }
        for (std::size_t k = 0; k < labels; ++k)
            logs[k] = std::log(std::max(p.probabilities[i + k], std::numeric_limits<float>::min()));
        const double top = std::ranges::max(logs);
        double total = 0, mean = 0;
        for (std::size_t k = 0; k < labels; ++k) total += weights[k] = std::exp(slope * (logs[k] - top));
        for (std::size_t k = 0; k < labels; ++k) mean += weights[k] / total * logs[k];
        sum += mean - logs[static_cast<std::size_t>(p.labels[i / labels])];
    }
    return sum;
}

ScoreCalibration measure_calibration(const ModelSpec& spec, const Predictions& predictions, const std::string& method) {
    const std::size_t labels = spec.label_names.size();
    ScoreCalibration calibration{method, std::vector<double>(labels, 1.0), std::vector<double>(labels, 0.0)};
    if (method == "temperature") {
        std::ranges::fill(calibration.slopes, fit_temperature(spec, predictions));
        return calibration;
    }
    for (std::size_t k = 0; k < labels; ++k) {
        const LabelColumn column = label_column(spec.multi_label, predictions, spec.label_names.size(), k);
        std::vector<double> z;
        for (const double score : column.scores) z.push_back(logit_of(static_cast<float>(score)));
        if (const auto fitted = fit_platt(z, column.targets))
            std::tie(calibration.slopes[k], calibration.offsets[k]) = *fitted;
    }
    return calibration;
}

}  // namespace

std::optional<OperatingPoint> youden_point(const ScoreCurve& curve) {
    if (one_sided(curve)) return std::nullopt;
    std::optional<OperatingPoint> best;
    std::int64_t most = std::numeric_limits<std::int64_t>::min();
    for (const CurvePoint& p : curve.points) {
        // Sensitivity + specificity - 1, times positives * negatives: exact, so that equals are equal.
        const std::int64_t index = p.true_positives * curve.negatives - p.false_positives * curve.positives;
        if (index > most) {
            most = index;
            best = point_at(curve, p);
        }
    }
    return best;
}

std::optional<OperatingPoint> f1_point(const ScoreCurve& curve) {
    if (one_sided(curve)) return std::nullopt;
    const double threshold = best_f1(curve)->threshold;
    return point_at(curve, *std::ranges::find(curve.points, threshold, &CurvePoint::threshold));
}

std::optional<OperatingPoint> sensitivity_point(const ScoreCurve& curve, double least) {
    if (one_sided(curve)) return std::nullopt;
    for (const CurvePoint& p : curve.points)
        if (static_cast<double>(p.true_positives) >=
            least * static_cast<double>(curve.positives) - 1e-9)  // of rounding
            return point_at(curve, p);
    return point_at(curve, curve.points.back());
}

std::optional<std::pair<double, double>> fit_platt(std::span<const double> z, std::span<const float> targets) {
    const ScoreCurve curve = score_curve(z, targets);
    if (one_sided(curve)) return std::nullopt;
    const PlattProblem problem = platt_problem(z, targets);
    double slope = 1, offset = 0, loss = problem.loss(slope, offset);
    for (int round = 0; round < 100; ++round) {
        const auto [by_slope, by_offset] = platt_step(problem, slope, offset);
        if (by_slope == 0 && by_offset == 0) break;
        double length = 1, next = 0;
        for (; length > 1e-10; length /= 2) {  // the full step may go too far
            next = problem.loss(slope + length * by_slope, offset + length * by_offset);
            if (next < loss) break;
        }
        if (length <= 1e-10) break;
        slope += length * by_slope;
        offset += length * by_offset;
        loss = next;
    }
    constexpr double kFar = 1e6;  // what a checkpoint may hold
    return std::pair{std::clamp(slope, -kFar, kFar), std::clamp(offset, -kFar, kFar)};
}

double fit_temperature(const ModelSpec& spec, const Predictions& predictions) {
    // The loss is convex in 1/T: where its derivative changes sign is the minimum.
    double low = std::log(1e-3), high = std::log(1e3);
    for (int round = 0; round < 60; ++round) {
        const double middle = (low + high) / 2;
        (temperature_slope(spec, predictions, std::exp(middle)) < 0 ? low : high) = middle;
    }
    return std::exp((low + high) / 2);
}

OperatingPoints measure_operating_points(const ModelSpec& spec, const Predictions& predictions,
                                         const ThresholdOptions& options) {
    check(options);
    OperatingPoints points{.chosen = options.rule, .least_sensitivity = options.least_sensitivity};
    bool any = false;
    for (std::size_t k = 0; k < spec.label_names.size(); ++k) {
        const LabelColumn column = label_column(spec.multi_label, predictions, spec.label_names.size(), k);
        const ScoreCurve curve = score_curve(column.scores, column.targets);
        any = any || !one_sided(curve);
        points.rules["youden"].push_back(youden_point(curve));
        points.rules["f1"].push_back(f1_point(curve));
        points.rules["sensitivity"].push_back(sensitivity_point(curve, options.least_sensitivity));
    }
    if (!any)
        throw InputError(
            fmt::format("[threshold] {} samples, and of no label both positives and negatives: no "
                        "threshold can be measured",
                        predictions.samples()));
    if (!options.calibration.empty()) points.calibration = measure_calibration(spec, predictions, options.calibration);
    return points;
}

}  // namespace keel
