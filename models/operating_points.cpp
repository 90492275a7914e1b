#include "models/operating_points.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/json.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char* kRules[] = {"youden", "f1", "sensitivity"};
constexpr std::size_t kMostText = 4096;  // bytes of a path or a description

double finite(const Json& json, double low, double high, const char* what) {
    const double value = json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (value >= low && value <= high) return value;
    throw InputError(std::string("wanted ") + what + ", got " + json_text(json).substr(0, 40));
}

std::string short_text(const Json& json) {
    auto text = json.get<std::string>();
    if (text.size() > kMostText) throw InputError("a text of " + std::to_string(text.size()) + " bytes");
    return text;
}

void require_size(const Json& array, std::size_t labels) {
    if (!array.is_array() || array.size() != labels)
        throw InputError("wanted a value for each of " + std::to_string(labels) + " labels");
}

std::vector<double> numbers(const Json& array, std::size_t labels) {
    require_size(array, labels);
    std::vector<double> values;
    for (const Json& value : array) values.push_back(finite(value, -1e6, 1e6, "a number within a million"));
    return values;
}

std::vector<std::optional<OperatingPoint>> points_from(const Json& array, std::size_t labels) {
    require_size(array, labels);
    std::vector<std::optional<OperatingPoint>> points;
    for (const Json& entry : array) {
        points.emplace_back();
        if (entry.is_null()) continue;
        const auto share = [&](const char* key) { return finite(entry.at(key), 0, 1, "a share of 0 to 1"); };
        points.back() = {share("threshold"), share("sensitivity"), share("specificity")};
    }
    return points;
}

ScoreCalibration calibration_from(const Json& json, std::size_t labels) {
    ScoreCalibration calibration{short_text(json.at("method")), numbers(json.at("slopes"), labels),
                                 numbers(json.at("offsets"), labels)};
    if (calibration.method != "temperature" && calibration.method != "platt")
        throw InputError("wanted a calibration by temperature or platt");
    return calibration;
}

}  // namespace

std::string to_metadata(const OperatingPoints& points) {
    Json rules = Json::object();
    for (const auto& [rule, of_labels] : points.rules) {
        rules[rule] = Json::array();
        for (const auto& point : of_labels)
            rules[rule].push_back(point ? Json{{"threshold", point->threshold},
                                               {"sensitivity", point->sensitivity},
                                               {"specificity", point->specificity}}
                                        : Json());
    }
    Json json{{"chosen", points.chosen}, {"rules", std::move(rules)}, {"data", points.data},
              {"split", points.split},   {"views", points.views},     {"least_sensitivity", points.least_sensitivity}};
    if (points.calibration)
        json["calibration"] = {{"method", points.calibration->method},
                               {"slopes", points.calibration->slopes},
                               {"offsets", points.calibration->offsets}};
    return valid_json_text(sorted(json));
}

OperatingPoints operating_points_of(const std::string& metadata, std::size_t labels) {
    try {
        const Json json = parse_json(metadata);
        OperatingPoints points;
        points.chosen = short_text(json.at("chosen"));
        for (const auto& [rule, of_labels] : json.at("rules").items()) {
            if (std::ranges::find(kRules, rule) == std::end(kRules)) throw InputError("there is no such rule");
            points.rules[rule] = points_from(of_labels, labels);
        }
        if (!points.rules.contains(points.chosen)) throw InputError("the chosen rule is not there");
        points.data = short_text(json.at("data"));
        points.split = short_text(json.at("split"));
        points.views = short_text(json.at("views"));
        points.least_sensitivity = finite(json.at("least_sensitivity"), 0, 1, "a sensitivity");
        if (json.contains("calibration")) points.calibration = calibration_from(json.at("calibration"), labels);
        return points;
    } catch (const Json::exception& error) {
        throw InputError(error.what());
    }
}

const std::vector<std::optional<OperatingPoint>>& points_of(const OperatingPoints& points, const std::string& rule) {
    const auto found = points.rules.find(rule.empty() ? points.chosen : rule);
    if (found != points.rules.end()) return found->second;
    std::string known;
    for (const auto& [name, values] : points.rules) known += (known.empty() ? "" : ", ") + name;
    throw UsageError("[threshold] the checkpoint has no operating points by '" + rule + "', but by " + known);
}

double logit_of(float probability) {
    const double p = std::clamp(double{probability}, double{std::numeric_limits<float>::min()}, 1 - 0x1p-24);
    return std::log(p) - std::log1p(-p);
}

void calibrate(const ScoreCalibration& calibration, bool multi_label, std::span<float> probabilities) {
    const std::size_t labels = calibration.slopes.size();
    if (labels == 0 || calibration.offsets.size() != labels || probabilities.size() % labels != 0)
        throw UsageError("[calibrate] a calibration of " + std::to_string(labels) + " labels, and " +
                         std::to_string(probabilities.size()) + " probabilities");
    std::vector<double> row(labels);
    for (std::size_t begin = 0; begin < probabilities.size(); begin += labels) {
        const auto own = probabilities.subspan(begin, labels);
        if (!multi_label && calibration.method == "temperature") {
            for (std::size_t k = 0; k < labels; ++k)
                row[k] = calibration.slopes[k] * std::log(std::max(own[k], std::numeric_limits<float>::min()));
            const double top = std::ranges::max(row);
            for (double& value : row) value = std::exp(value - top);
        } else {
            for (std::size_t k = 0; k < labels; ++k)
                row[k] = 1 / (1 + std::exp(-(calibration.slopes[k] * logit_of(own[k]) + calibration.offsets[k])));
        }
        double sum = 0;
        for (const double value : row) sum += value;
        for (std::size_t k = 0; k < labels; ++k)
            own[k] = static_cast<float>(multi_label || sum == 0 ? row[k] : row[k] / sum);
    }
}

}  // namespace keel
