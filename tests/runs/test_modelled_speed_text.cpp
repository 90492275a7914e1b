#include "runs/modelled_speed_text.h"

#include "tests/support/catch.h"

using namespace keel;

namespace {

ModelledSpeed made_up_speed(double measured) {
    ModelledSpeed speed;
    speed.node = speed::node_named("zen3");
    speed.options.threads = 2;
    speed.precision = "f32";
    speed::ModelledSpan conv;
    conv.kind = "conv2d_forward";
    conv.layer = "layer1";
    conv.cost = kernels::conv2d_cost({1, 64, 8, 8, 64, 3, 3, 1, 1, 1, 1});
    conv.algorithm = "winograd";
    conv.chunks = 7;
    conv.share = 0.5;
    conv.seconds = 0.002;
    conv.compute = 0.0015;
    conv.peak = 0.001;
    conv.measured = measured;
    speed::ModelledSpan copy;
    copy.kind = "copy";
    copy.layer = "layer1";
    copy.seconds = copy.memory = 0.003;
    speed.step.spans = {conv, conv, copy};
    speed.step.seconds = 0.007;
    speed.step.measured = 2 * measured;
    speed.step_measured = 2 * measured;
    return speed;
}

}  // namespace

TEST_CASE("figures of the model say that they are one", "[speed]") {
    const Json figures = modelled_json(made_up_speed(0), {.model = "resnet18", .mode = "infer"});
    CHECK(figures["is_a_model"] == true);
    CHECK(figures["model_of"] == "zen3");
    CHECK(figures["step_ms"].get<double>() == Approx(7));
    CHECK(figures["share_of_peak"].get<double>() == Approx(2.0 / 7));
    CHECK(figures["team_share"].get<double>() == Approx(0.5));
    CHECK_FALSE(figures.contains("measured_ms"));
    REQUIRE(figures["kinds"].size() == 2);
    CHECK(figures["kinds"][0]["kind"] == "conv2d_forward, winograd");
    CHECK(figures["kinds"][0]["calls"] == 2);
    CHECK(figures["kinds"][0]["ms"].get<double>() == Approx(4));
    CHECK(figures["kinds"][0]["share_of_peak"].get<double>() == Approx(0.5));
    CHECK_FALSE(figures["kinds"][1].contains("share_of_peak"));
    REQUIRE(figures["layers"].size() == 3);
    CHECK(figures["layers"][0]["chunks"] == 7);
    CHECK(figures["layers"][0]["shape"] == "3x3 s1 8x8 64-64");
    const std::string text = modelled_text(figures, false);
    CHECK(text.starts_with("A MODEL, not a measurement: resnet18 infer f32 batch 16"));
    CHECK_THAT(text, Catch::Contains("EPYC 7763") && !Catch::Contains("measured ms") && !Catch::Contains("layer1"));
    CHECK_THAT(modelled_text(figures, true), Catch::Contains("layer1") && Catch::Contains("3x3 s1 8x8 64-64"));
}

TEST_CASE("this machine's figures stand beside what was measured", "[speed]") {
    const Json figures = modelled_json(made_up_speed(0.0025), {.model = "resnet18", .mode = "infer"});
    CHECK(figures["measured_ms"].get<double>() == Approx(5));
    CHECK(figures["kinds"][0]["measured_ms"].get<double>() == Approx(5));
    CHECK_THAT(modelled_text(figures, false), Catch::Contains("measured ms") && Catch::Contains("5.000"));
}
