// The parts of quantization by themselves: how values are read, what calibration sees, what the walk leaves in floats.
#include <algorithm>
#include <cmath>

#include "graph/build/builder.h"
#include "graph/ops/quant_conv.h"
#include "graph/ops/quant_convert.h"
#include "graph/quantize/correct.h"
#include "graph/quantize/reading.h"
#include "models/random_training.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

const std::vector<QuantParams> kParams{{0.5F, 0}, {0.03F, 128}, {0.2F, 255}, {0.01F, 40}};
const graph::Prologue kAffine{{0.8F, -1.5F, 2, 0}, {-3, 1, 0.5F, 0.7F}};

/// What channel c of the prologue makes of the number that q stands for.
double truth(std::size_t c, int q) {
    return std::max(0.0, double{kAffine.scale[c]} * kParams[c].scale * (q - kParams[c].zero) + kAffine.shift[c]);
}

Tensor range_values(const Dims& dims, std::uint64_t seed) { return uniform(dims, seed, -0.5, 0.5).to(DType::f32); }

/// A convolution, a batch norm with ReLU in front of a 1x1 convolution, a maximum, a linear layer; of images 4 x 4 x 3.
graph::Graph two_layers() {
    graph::Builder builder(4, 4, 3);
    graph::Value value = builder.max_pool(
        "pool", builder.conv("first", builder.src(), range_values({4, 3, 3, 3}, 1), {}, {.pad = 1}), {2, 1, 0});
    value = builder.affine("norm", value, {0.8, -1.5, 2, 0.5}, {-0.3, 1, 0.5, 0.7}, true);
    value = builder.conv("second", value, range_values({5, 4, 1, 1}, 2), {}, {});
    return builder.finish(builder.linear("fc", value, range_values({2, 5 * 9}, 3), range_values({2}, 4)));
}

std::vector<Tensor> batches() { return {random_images(4, 4, 3, 1), random_images(4, 4, 3, 2)}; }

}  // namespace

TEST_CASE("Values read as they are stand for what their parameters say", "[quantize]") {
    const QuantReading reading = read_plain(kParams);
    for (std::size_t c = 0; c < kParams.size(); ++c)
        for (int q = 0; q < 256; ++q)
            CHECK(reading.factor[c] * (q - reading.offset[c]) == double{kParams[c].scale} * (q - kParams[c].zero));
    CHECK(reading.prologue == graph::QuantPrologue{});
}

TEST_CASE("A clamp reads a batch norm with ReLU to half a step", "[quantize]") {
    const QuantReading reading = read_clamped(kParams, kAffine);
    for (std::size_t c = 0; c < 3; ++c)
        for (int q = 0; q < 256; ++q) {
            const int read = std::min<int>(std::max<int>(q, reading.prologue.low[c]), reading.prologue.high[c]);
            // Numbers of up to 800, computed in another order in double.
            CHECK(std::abs(reading.factor[c] * (read - reading.offset[c]) - truth(c, q)) <=
                  std::abs(reading.factor[c]) / 2 + 1e-12);
        }
    CHECK(reading.factor[3] == 0);  // a constant, which is the reader's
    CHECK(reading.prologue.high[3] == 0);
}

TEST_CASE("A requantized batch norm with ReLU is the nearest value", "[quantize]") {
    const std::vector<QuantParams> dst(4, QuantParams{0.25F, 0});
    const QuantReading reading = read_requantized(kParams, kAffine, dst);
    CHECK(reading.arithmetic == Arithmetic::requantized);
    for (std::size_t c = 0; c < 4; ++c)
        for (int q = 0; q < 256; ++q) {
            const float v = std::fma(static_cast<float>(q), reading.prologue.scale[c], reading.prologue.shift[c]);
            const double read = std::nearbyint(std::clamp(v, 0.0F, 255.0F));
            // v is off by the rounding of two floats of up to 1000, by far less than a hundredth of a step.
            CHECK(std::abs(reading.factor[c] * (read - reading.offset[c]) - std::min(truth(c, q), 255 * 0.25)) <=
                  0.51 * 0.25);
        }
}

TEST_CASE("Calibration sees results, what prologues make, and which buffers want a scale for each channel",
          "[quantize]") {
    const graph::Graph graph = two_layers();
    REQUIRE(graph.nodes.size() == 4);
    // The 1x1 convolution's batch norm reads the pool's result, and the pool the first convolution's.
    std::vector<bool> by_channel = quantized_by_channel(graph);
    CHECK(by_channel[static_cast<std::size_t>(graph.nodes[0].dst.buffer)]);
    CHECK(by_channel[static_cast<std::size_t>(graph.nodes[1].dst.buffer)]);
    CHECK(!by_channel[static_cast<std::size_t>(graph.nodes[2].dst.buffer)]);
    CHECK(keeps_quantized(graph.nodes[1]));
    CHECK(!keeps_quantized(graph.nodes[0]));

    const Runtime runtime(graph, 4);
    const std::vector<Tensor> images = batches();
    const Calibration calibration = calibrate(runtime, images);
    CHECK(calibration.images.count() == 2 * 4 * 4 * 4 * 3);
    CHECK(calibration.nodes[0].dst.of.size() == 4);
    CHECK(calibration.nodes[2].dst.of.size() == 1);
    CHECK(calibration.nodes[2].prologue.low() >= 0);
    CHECK(calibration.nodes[2].prologue.count() == 8 * 9 * 4);

    float low = 0, high = 0;
    std::vector<double> square(4);
    Watch watch;
    watch.before = [&](std::size_t step, const void* first, std::int64_t ld) {
        if (step != 2) return;
        std::vector<float> made;
        run_prologue(*graph.nodes[2].op.prologue(), static_cast<const float*>(first), 4 * 9, 4, ld, made);
        for (std::size_t i = 0; i < made.size(); ++i) square[i % 4] += double{made[i]} * made[i] / (8 * 9);
    };
    watch.after = [&](std::size_t step, const void* first, std::int64_t ld) {
        for (std::int64_t p = 0; step == 0 && p < 4 * 16; ++p) {
            low = std::min(low, static_cast<const float*>(first)[p * ld]);
            high = std::max(high, static_cast<const float*>(first)[p * ld]);
        }
    };
    const Tensor logits = Tensor::empty({4, 2});
    for (const Tensor& batch : images) runtime.run(4, batch.data<float>(), logits.data<float>(), watch);
    CHECK(calibration.nodes[0].dst.of[0].low() == low);
    CHECK(calibration.nodes[0].dst.of[0].high() == high);
    for (std::size_t c = 0; c < 4; ++c) CHECK(calibration.nodes[2].prologue_square[c] == Approx(square[c]));
}

TEST_CASE("A buffer of floats takes the nodes at both of its ends along", "[quantize]") {
    const graph::Graph graph = two_layers();
    const Runtime runtime(graph, 4);
    const std::vector<Tensor> images = batches();
    const Calibration calibration = calibrate(runtime, images);
    const QuantizedGraph all = quantize_graph(graph, calibration, RangeMethod::minmax, {});
    const QuantizedGraph some =
        quantize_graph(graph, calibration, RangeMethod::minmax, {{}, {graph.nodes[2].dst.buffer}});
    const auto fp32 = [](const QuantizedGraph& quantized) {
        std::vector<int> nodes;
        for (const QuantizedNode& node : quantized.nodes)
            if (node.completes >= 0 && node.arithmetic == Arithmetic::fp32) nodes.push_back(node.completes);
        return nodes;
    };
    CHECK(fp32(all).empty());
    CHECK(fp32(some) == std::vector<int>{2, 3});
    CHECK(all.graph.nodes.front().as<graph::Quantize>() != nullptr);
    const std::vector<double> decibels = signal_to_noise(runtime, some, Runtime(some.graph, 4), images[0], Loss::all);
    for (std::size_t i = 0; i < decibels.size(); ++i) {
        INFO(some.graph.nodes[i].name << ": " << decibels[i]);
        CHECK(std::isnan(decibels[i]) == (some.nodes[i].completes < 0));
        // The first convolution has the range of the maximum that reads it: what no maximum is falls out of it.
        CHECK((decibels[i] > 15 || std::isnan(decibels[i]) || some.graph.nodes[i].name == "first"));
    }
}

TEST_CASE("The shift of a quantized convolution is replaced, that of another node refused", "[quantize]") {
    const graph::Graph graph = two_layers();
    const Runtime runtime(graph, 4);
    const std::vector<Tensor> images = batches();
    const QuantizedGraph quantized = quantize_graph(graph, calibrate(runtime, images), RangeMethod::minmax, {});
    Runtime changed(quantized.graph, 4);
    const std::size_t last = quantized.graph.nodes.size() - 1;
    const Tensor before = Tensor::empty({4, 2}), after = Tensor::empty({4, 2});
    changed.run(4, images[0].data<float>(), before.data<float>());
    std::vector<float> shift = quantized.graph.nodes[last].as<graph::QuantConv>()->shift;
    for (float& value : shift) value += 1;
    changed.set_shift(last, shift);
    changed.run(4, images[0].data<float>(), after.data<float>());
    for (std::size_t i = 0; i < 8; ++i)  // one more, rounded once more: logits of order 1
        CHECK(after.values<float>()[i] == Approx(before.values<float>()[i] + 1).margin(1e-5));
    CHECK_THROWS_AS(changed.set_shift(0, shift), UsageError);
    CHECK_THROWS_AS(changed.set_shift(last, {1}), UsageError);
    CHECK_THROWS_AS(changed.set_shift(99, shift), UsageError);
}
