// When a model's probability means yes, and how its probabilities become calibrated ones: what keel threshold measures
// on validation data and keeps in the checkpoint.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace keel {

/// Yes from `threshold` on, a probability as the model says it, not calibrated; the rest is what that gave on the
/// validation data.
struct OperatingPoint {
    double threshold = 0.5, sensitivity = 0, specificity = 0;

    bool operator==(const OperatingPoint&) const = default;
};

/// A label's calibrated probability from its probability p, z = log(p / (1 - p)):
///   labels:  sigmoid(slope * z + offset)
///   classes, temperature:  softmax over the classes of slope * log(p)
///   classes, platt:  sigmoid(slope * z + offset) of each class, divided by their sum
/// "temperature" (Guo et al., ICML 2017) has one slope 1/T for all labels and no offsets, "platt" (Platt 1999) a slope
/// and an offset a label.
struct ScoreCalibration {
    std::string method{};
    std::vector<double> slopes{}, offsets{};  ///< of each label

    bool operator==(const ScoreCalibration&) const = default;
};

struct OperatingPoints {
    std::string chosen{};  ///< the rule that yes and no follow where nobody asks for another: a key of `rules`
    /// "youden", "f1", "sensitivity": of each label; none where the data had no positive or no negative.
    std::map<std::string, std::vector<std::optional<OperatingPoint>>> rules{};
    double least_sensitivity = 0;          ///< that "sensitivity" wanted
    std::string data{}, split{}, views{};  ///< that they were measured on; views as views_text() says
    std::optional<ScoreCalibration> calibration{};

    bool operator==(const OperatingPoints&) const = default;
};

/// Returns JSON for a checkpoint's metadata.
std::string to_metadata(const OperatingPoints& points);
/// The inverse, for a model of `labels` labels. Throws InputError, without naming a file, for anything else.
OperatingPoints operating_points_of(const std::string& metadata, std::size_t labels);

/// Returns the points of a rule, of the chosen one where `rule` is empty. Throws UsageError that names the rules there
/// are.
const std::vector<std::optional<OperatingPoint>>& points_of(const OperatingPoints& points, const std::string& rule);

/// Replaces probabilities {samples, labels} by calibrated ones.
void calibrate(const ScoreCalibration& calibration, bool multi_label, std::span<float> probabilities);

/// log(p / (1 - p)) of a probability in float, finite: p is taken to be within [1.2e-38, 1 - 2^-24].
double logit_of(float probability);

}  // namespace keel
