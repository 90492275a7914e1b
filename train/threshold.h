// Operating points and calibration of a model, measured on predictions of its validation data: what keel threshold
// does.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/score_curve.h"
#include "models/operating_points.h"
#include "train/predictions.h"

namespace keel {

struct ThresholdOptions {
    std::string rule = "youden";     ///< that yes and no shall follow: youden, f1 or sensitivity
    double least_sensitivity = 0.9;  ///< that "sensitivity" wants
    std::string calibration{};       ///< temperature, platt, or empty: none
};

/// Returns the point with the highest sensitivity + specificity - 1 (Youden, Cancer 3, 1950); of equals the one with
/// the highest threshold, as in the next two. Empty if there is no positive or no negative, as in the next two.
std::optional<OperatingPoint> youden_point(const ScoreCurve& curve);
/// Returns the point of best_f1().
std::optional<OperatingPoint> f1_point(const ScoreCurve& curve);
/// Returns the highest threshold whose sensitivity is at least `least`, in (0, 1].
std::optional<OperatingPoint> sensitivity_point(const ScoreCurve& curve, double least);

/// Returns the points of every label by every rule, and the calibration that is asked for; `data`, `split` and `views`
/// are left to the caller. Throws UsageError for options that are none, InputError where no label has both positives
/// and negatives.
OperatingPoints measure_operating_points(const ModelSpec& spec, const Predictions& predictions,
                                         const ThresholdOptions& options);

/// Returns slope and offset that maximize the likelihood of sigmoid(slope * z + offset), with the targets (N+ + 1) /
/// (N+ + 2) and 1 / (N- + 2) of Platt (1999), by the Newton method of Lin, Lin and Weng (Machine Learning 68, 2007).
/// Empty if there is no positive or no negative.
std::optional<std::pair<double, double>> fit_platt(std::span<const double> z, std::span<const float> targets);

/// Returns the slope 1/T within [0.001, 1000] that minimizes the loss of the calibrated probabilities. Labels that are
/// not known do not count.
double fit_temperature(const ModelSpec& spec, const Predictions& predictions);

}  // namespace keel
