#include "models/operating_points.h"

#include <cmath>

#include "engine/json.h"
#include "kernels/error.h"
#include "models/model_spec.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

OperatingPoints sample_points() {
    OperatingPoints points{.chosen = "f1", .least_sensitivity = 0.95, .data = "nih:/d", .split = "val", .views = "v"};
    points.rules["youden"] = {OperatingPoint{1.0 / 3, 0.5, 0.75}, std::nullopt};
    points.rules["f1"] = {OperatingPoint{0.1, 1, 0}, std::nullopt};
    points.calibration = ScoreCalibration{"platt", {0.1, 1}, {-2.5, 0}};
    return points;
}

ModelSpec sample_spec() {
    return {.name = "resnet18",
            .options = {.classes = 2, .channels = 1},
            .image_size = 32,
            .mean = {0.5F},
            .std = {0.25F},
            .multi_label = true,
            .label_names = {"A", "B"}};
}

template <class Error = InputError, class Call>
std::string refusal(const Call& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("Operating points come back from a checkpoint's metadata, to the bit", "[operating_points]") {
    ModelSpec spec = sample_spec();
    std::map<std::string, std::string> metadata;
    write_spec(spec, metadata);
    CHECK(metadata.size() == 1);  // as it always was
    CHECK_FALSE(read_spec(metadata, "f").operating);
    spec.operating = sample_points();
    write_spec(spec, metadata);
    CHECK(metadata.size() == 2);
    CHECK(read_spec(metadata, "f").operating == spec.operating);
    spec.operating->calibration.reset();
    write_spec(spec, metadata);
    CHECK(read_spec(metadata, "f").operating == spec.operating);
    spec.operating.reset();
    write_spec(spec, metadata);
    CHECK(metadata.size() == 1);
}

TEST_CASE("Operating points that are none are refused by the file's name", "[operating_points]") {
    ModelSpec spec = sample_spec();
    spec.operating = sample_points();
    std::map<std::string, std::string> good;
    write_spec(spec, good);
    const auto refused = [&](const std::string& key, const keel::Json& value) {
        auto points = parse_json(good.at("keel.operating_points"));
        points[keel::Json::json_pointer(key)] = value;
        std::map<std::string, std::string> metadata = good;
        metadata["keel.operating_points"] = json_text(points);
        const std::string message = refusal([&] { read_spec(metadata, "best.safetensors"); });
        CHECK_THAT(message, contains("best.safetensors"));
        return message;
    };
    CHECK_THAT(refused("/chosen", "sensitivity"), contains("the chosen rule is not there"));
    CHECK_THAT(refused("/rules/best", keel::Json::array({nullptr, nullptr})), contains("no such rule"));
    CHECK_THAT(refused("/rules/f1", keel::Json::array({nullptr})), contains("each of 2 labels"));
    CHECK_THAT(refused("/rules/f1/0/threshold", 1.5), contains("wanted a share of 0 to 1, got 1.5"));
    CHECK_THAT(refused("/rules/f1/0/threshold", "x"), contains("wanted a share"));
    CHECK_THAT(refused("/rules/f1/0", 5), contains("malformed"));
    CHECK_THAT(refused("/calibration/method", "magic"), contains("temperature or platt"));
    CHECK_THAT(refused("/calibration/slopes", keel::Json::array({1, 1e300})), contains("within a million"));
    CHECK_THAT(refused("/data", std::string(5000, 'x')), contains("a text of 5000 bytes"));
    CHECK_THAT(refused("/rules", 3), contains("malformed"));
    good["keel.operating_points"] = "{";
    CHECK_FALSE(refusal([&] { read_spec(good, "f"); }).empty());
}

TEST_CASE("A rule is found by its name", "[operating_points]") {
    const OperatingPoints points = sample_points();
    CHECK(points_of(points, "")[0]->threshold == 0.1);
    CHECK(points_of(points, "youden")[0]->threshold == 1.0 / 3);
    CHECK_THAT(refusal<UsageError>([&] { points_of(points, "sensitivity"); }),
               contains("no operating points by 'sensitivity', but by f1, youden"));
}

TEST_CASE("Calibrated probabilities are what the formulas say", "[operating_points]") {
    const auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
    const auto logit = [](double p) { return std::log(p / (1 - p)); };
    const ScoreCalibration platt{"platt", {0.5, 2}, {-1, 0.25}};
    std::vector<float> labels{0.9F, 0.2F, 0.0F, 1.0F};
    calibrate(platt, true, labels);
    CHECK(labels[0] == Approx(sigmoid(0.5 * logit(0.9) - 1)).epsilon(1e-6));
    CHECK(labels[1] == Approx(sigmoid(2 * logit(0.2) + 0.25)).epsilon(1e-6));
    CHECK((labels[2] > 0 && labels[2] < 1e-15F));  // finite
    CHECK(labels[3] > 0.999F);

    std::vector<float> classes{0.7F, 0.2F, 0.1F};
    calibrate({"temperature", {0.5, 0.5, 0.5}, {0, 0, 0}}, false, classes);
    const double sum = std::sqrt(0.7) + std::sqrt(0.2) + std::sqrt(0.1);
    CHECK(classes[0] == Approx(std::sqrt(0.7) / sum).epsilon(1e-6));
    CHECK(classes[2] == Approx(std::sqrt(0.1) / sum).epsilon(1e-6));

    std::vector<float> pair{0.75F, 0.25F};
    calibrate({"platt", {1, 1}, {0, 1}}, false, pair);
    const double a = 0.75, b = sigmoid(logit(0.25) + 1);
    CHECK(pair[0] == Approx(a / (a + b)).epsilon(1e-6));
    CHECK(pair[0] + pair[1] == Approx(1));
    CHECK_THROWS_AS(calibrate({"platt", {1, 1}, {0, 1}}, false, classes), UsageError);
}
