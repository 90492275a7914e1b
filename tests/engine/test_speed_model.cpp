// The model of speed: what is pure of it. That it is right is shown by scripts/check_model_of_speed.py, on a machine.
#include <algorithm>
#include <cmath>

#include "engine/speed/speed_model.h"
#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::kernels;
using speed::Numbers;

namespace {

Conv2dGeometry square(std::int64_t n, std::int64_t size, std::int64_t ic, std::int64_t oc, int kernel, int stride = 1) {
    return {n, ic, size, size, oc, kernel, kernel, stride, stride, kernel / 2, kernel / 2};
}

profile::Record record_of(const char* kind, const Conv2dGeometry& g, int index) {
    profile::Cost cost = conv2d_cost(g);
    cost.conv->sinks = std::string_view(kind) == "conv2d_forward";
    return {kind, {index % 2, profile::Pass::forward}, 0, 10 * index, 10 * index + 8, cost};
}

/// A step of n images: the three passes of some convolutions, and a pass over a map.
profile::Recording step_of(std::int64_t n) {
    profile::Recording step{{"", "layer"}, {}, 0};
    int index = 0;
    for (const Conv2dGeometry& g :
         {square(n, 28, 128, 128, 3), square(n, 28, 128, 512, 1), square(n, 28, 256, 256, 3, 2)})
        for (const char* kind : {"conv2d_forward", "conv2d_backward_data", "conv2d_backward_weights"})
            step.records.push_back(record_of(kind, g, index++));
    step.records.push_back({"relu_forward",
                            {1, profile::Pass::forward},
                            0,
                            10 * index,
                            10 * index + 8,
                            profile::per_element<float>(n * 28 * 28 * 128, 1, 2)});
    return step;
}

double seconds_on(const speed::Node& node, std::int64_t n, const speed::ModelOptions& options) {
    return speed::model_step(step_of(n), 1, node, options).seconds;
}

const std::vector<std::string> kNamed{"sapphire_rapids", "cooper_lake", "ice_lake", "cascade_lake", "zen4", "zen3"};

}  // namespace

TEST_CASE("nodes have names, and others are refused", "[speed]") {
    std::vector<std::string> names = kNamed;
    names.emplace_back("this");
    CHECK(speed::node_names() == names);
    for (const std::string& name : kNamed) CHECK(speed::node_named(name).name == name);
    CHECK_THROWS_WITH(speed::node_named("pentium"), Catch::Contains("sapphire_rapids") && Catch::Contains("pentium"));
    CHECK_THROWS_AS(speed::node_named(""), UsageError);
}

TEST_CASE("no convolution is modelled faster than its algorithm can be", "[speed]") {
    // Winograd's algorithm takes 16 products in place of 36; of integers 36 in place of 144 as well.
    constexpr double kWinograd = 16.0 / 36, kIntegers = 36.0 / 144;
    for (const std::string& name : kNamed) {
        const speed::Node node = speed::node_named(name);
        for (const Conv2dGeometry& g :
             {square(1, 7, 512, 512, 3), square(16, 56, 64, 64, 3), square(16, 14, 1024, 256, 1),
              square(4, 28, 256, 256, 3, 2), square(2, 224, 3, 64, 7, 2)})
            for (const ConvPass pass : {ConvPass::infer, ConvPass::forward, ConvPass::backward_data,
                                        ConvPass::backward_weights, ConvPass::quantized})
                for (const Numbers numbers : {Numbers::f32, Numbers::bf16}) {
                    CAPTURE(name, name_of(pass), g.ic, g.kh, static_cast<int>(numbers));
                    const bool bytes = pass == ConvPass::quantized;
                    const ConvTeam team{node.isa, 2, pass == ConvPass::forward, numbers == Numbers::bf16 && !bytes};
                    const speed::ConvCycles cycles =
                        speed::conv_cycles(node, g, pass, team, bytes ? Numbers::int8 : numbers);
                    const bool winograd = conv_algorithm(g, pass, node.isa) == ConvAlgorithm::winograd;
                    const bool integers = bytes && g.kh == 3 && g.stride_h == 1;
                    CHECK(cycles.peak > 0);
                    const double least = integers ? kIntegers : winograd ? kWinograd : 1;
                    CHECK(cycles.products >= cycles.peak * least * (1 - 1e-9));
                    CHECK(cycles.other >= 0);
                    CHECK(std::isfinite(cycles.products + cycles.other));
                }
    }
}

TEST_CASE("time follows the clock, the team and the numbers", "[speed]") {
    speed::Node node = speed::node_named("sapphire_rapids");
    const speed::ModelOptions f32{2, true, Numbers::f32}, bf16{2, true, Numbers::bf16};
    const double seconds = seconds_on(node, 16, f32);
    CHECK(seconds > 0);
    CHECK(seconds_on(node, 16, bf16) < 0.6 * seconds);
    CHECK(seconds_on(node, 16, {28, true, Numbers::f32}) < seconds / 8);
    CHECK(seconds_on(node, 32, f32) > 1.8 * seconds);
    const speed::Node older = speed::node_named("ice_lake");  // imitates bf16
    CHECK(seconds_on(older, 16, bf16) > seconds_on(older, 16, f32));
    node.ghz *= 2;
    CHECK(seconds_on(node, 16, f32) < 0.7 * seconds);
}

TEST_CASE("spans of several steps are one step, measured at its best", "[speed]") {
    profile::Recording two = step_of(4);
    const std::size_t count = two.records.size();
    for (std::size_t i = 0; i < count; ++i) {
        profile::Record again = two.records[i];
        again.begin_ns += 1000;
        again.end_ns = again.begin_ns + 5;
        two.records.push_back(again);
    }
    const speed::Node node = speed::node_named("zen4");
    const speed::ModelledStep step = speed::model_step(two, 2, node, {2, true, Numbers::f32});
    REQUIRE(step.spans.size() == count);
    CHECK(step.seconds == speed::model_step(step_of(4), 1, node, {2, true, Numbers::f32}).seconds);
    CHECK(std::abs(step.measured - 5e-9 * static_cast<double>(count)) < 1e-12);
    for (const speed::ModelledSpan& span : step.spans) {
        CHECK(span.seconds > 0);
        CHECK(span.algorithm.empty() == !span.cost.conv.has_value());
        CHECK(span.share <= 1 + 1e-9);
    }
    two.records.pop_back();
    CHECK_THROWS_AS(speed::model_step(two, 2, node, {2, true, Numbers::f32}), UsageError);
}

TEST_CASE("a step of more images is drawn as a line through two", "[speed]") {
    const profile::Recording drawn = speed::drawn_to(step_of(12), 12, step_of(16), 16, 64), made = step_of(64);
    REQUIRE(drawn.records.size() == made.records.size());
    for (std::size_t i = 0; i < made.records.size(); ++i) {
        CHECK(drawn.records[i].cost.bytes == made.records[i].cost.bytes);
        CHECK(drawn.records[i].cost.flops == made.records[i].cost.flops);
        if (made.records[i].cost.conv)
            CHECK(drawn.records[i].cost.conv->geometry == made.records[i].cost.conv->geometry);
    }
    profile::Recording other = step_of(12);
    other.records.pop_back();
    CHECK_THROWS_AS(speed::drawn_to(other, 12, step_of(16), 16, 64), UsageError);
}
