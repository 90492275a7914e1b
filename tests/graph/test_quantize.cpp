// Quantized networks: to the bit against a slow simulator, and near fp32.
#include "graph/quantize/quantize.h"

#include <bit>
#include <cmath>
#include <set>

#include "embed/predictor.h"
#include "graph/build/trace.h"
#include "graph/ops/affine.h"
#include "graph/ops/pool.h"
#include "kernels/random.h"
#include "models/random_training.h"
#include "tests/graph/quant_simulator.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::test;

namespace {

const graph::QuantConv& conv_named(const graph::Graph& graph, const std::string& name) {
    for (const graph::Node& node : graph.nodes)
        if (node.name == name) return *node.as<graph::QuantConv>();
    throw UsageError("no node " + name);
}

/// Of floats, so that 0 and -0 differ.
std::vector<std::uint32_t> bits_of(const Tensor& tensor) {
    std::vector<std::uint32_t> bits;
    for (const float value : tensor.values<float>()) bits.push_back(std::bit_cast<std::uint32_t>(value));
    return bits;
}

/// Signal to noise in decibels.
double snr(const std::vector<float>& values, const std::vector<float>& truth) {
    double signal = 0, noise = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        signal += double{truth[i]} * truth[i];
        noise += (double{values[i]} - truth[i]) * (double{values[i]} - truth[i]);
    }
    return 10 * std::log10(signal / noise);
}

/// Logits of two images, together and one by one, are the simulator's.
void check_bits(const std::string& name, std::int64_t size) {
    INFO(name);
    const Network network(name, size);
    const graph::Graph quantized = network.quantized().graph;
    const Tensor images = random_images(2, size, 3, 9);
    const std::vector<float> truth = QuantSimulator(quantized).run(2, images.data<float>());
    const auto pixels = static_cast<std::size_t>(size * size * 3);
    for_each_isa([&] {
        const Predictor one(network.spec, quantized, 1);
        for (const int threads : {1, 3}) {
            const ThreadScope team(threads);
            CHECK(network.logits(quantized, images) == truth);
            for (std::size_t i = 0; i < 2; ++i) {
                const Tensor logits =
                    one.logits(Tensor::from<float>({images.data<float>() + i * pixels, pixels}, {1, size, size, 3}));
                CHECK(std::equal(logits.values<float>().begin(), logits.values<float>().end(),
                                 truth.begin() + std::ssize(truth) / 2 * static_cast<int>(i)));
            }
        }
    });
}

}  // namespace

TEST_CASE("Whole quantized networks are what the simulator gives, on every ISA, team and batch size", "[quantize]") {
    const auto [name, size] =
        GENERATE(std::pair("resnet18", 40), std::pair("resnet50", 32), std::pair("densenet121", 32));
    check_bits(name, size);
}

TEST_CASE("So is a network with linear layers of 25,088 products", "[quantize][slow]") { check_bits("vgg16_bn", 32); }

TEST_CASE("Probabilities of quantized networks are the same bits on every ISA, team and batch size", "[quantize]") {
    struct Case {
        const char* name;
        std::int64_t image_size, channels;
        bool small_stem;
        std::int64_t outputs;
        std::vector<float> factors;  ///< of the logits
    };
    // Logits as they are; many that saturate, some near the ends of float's range, subnormal ones. The test before this
    // one has whole networks of every kind: here it is their last steps, with numbers of classes around the vectors'
    // width.
    const auto [name, image_size, channels, small_stem, outputs, factors] =
        GENERATE(Case{"resnet18", 10, 1, true, 11, {1, 40, 1e37F, 1e-40F}}, Case{"resnet18", 9, 2, true, 19, {1}},
                 Case{"resnet50", 33, 3, false, 16, {1}}, Case{"densenet121", 11, 3, true, 3, {1}});
    constexpr std::uint64_t seed = 2;
    CAPTURE(name, image_size, channels, outputs);
    const std::int64_t classes = outputs, pixels = image_size * image_size * channels;
    ModelSpec spec{.name = name,
                   .options = {.classes = classes, .channels = channels, .small_stem = small_stem},
                   .image_size = image_size,
                   .mean = {0.5F},
                   .std = {0.25F}};
    const graph::Graph floats = graph::trace(*make_model(name, spec.options, seed), image_size, image_size, channels);
    const std::vector<Tensor> batches{random_images(2, image_size, channels, seed),
                                      random_images(2, image_size, channels, 77)};
    const graph::Graph whole = quantize(floats, batches, {.method = RangeMethod::minmax, .keep_below = 0}).graph;
    REQUIRE(!graph::multiplies_floats(whole));
    const Tensor images = random_images(2, image_size, channels, seed + 9);
    const std::span<const float> last_image = images.values<float>().last(static_cast<std::size_t>(pixels));
    const Tensor second = Tensor::from(last_image, {1, image_size, image_size, channels});
    for (const float factor : factors) {
        CAPTURE(factor);
        graph::Graph quantized = whole;
        auto& last = *quantized.nodes.back().as<graph::QuantConv>();
        for (float& scale : last.scale) scale *= factor;
        for (float& shift : last.shift) shift *= factor;
        std::vector<std::uint32_t> truth[2];
        for_each_isa([&] {
            for (const bool multi_label : {false, true}) {
                CAPTURE(multi_label);
                spec.multi_label = multi_label;
                const Predictor predictor(spec, quantized, 2);
                std::vector<std::uint32_t>& bits = truth[multi_label ? 1 : 0];
                const ThreadScope team(multi_label ? 1 : 3);
                const std::vector<std::uint32_t> together = bits_of(predictor.predict(images));
                if (bits.empty()) bits = together;
                CHECK(together == bits);
                const std::vector<std::uint32_t> alone = bits_of(predictor.predict(second));
                CHECK(std::equal(alone.begin(), alone.end(), bits.begin() + classes));
            }
        });
    }
}

TEST_CASE("What is not a convolution gives the same bits on every ISA in floats as well", "[quantize]") {
    // docs/quantization.md says so of layers in fp32 that multiply nothing: pools, and batch norms that stand alone.
    const Tensor images = random_images(3, 23, 19, 4);
    for (const graph::PoolKind kind :
         {graph::PoolKind::max, graph::PoolKind::average, graph::PoolKind::adaptive_average})
        for (const bool prologue : {false, true}) {
            graph::Affine affine{{}, {}, true};
            for (int c = 0; c < 19; ++c) {
                affine.scale.push_back(1.5F - 0.13F * static_cast<float>(c));
                affine.shift.push_back(0.31F * static_cast<float>(c % 5) - 0.5F);
            }
            graph::Graph graph;
            graph.buffers = {{23, 23, 19}, {23, 23, 19}, {12, 12, 19}};
            graph.src = {0, 0, 19};
            graph.dst = {2, 0, 19};
            graph.nodes.push_back({"norm", {0, 0, 19}, {1, 0, 19}, affine});
            graph.nodes.push_back(
                {"pool",
                 {1, 0, 19},
                 {2, 0, 19},
                 graph::Pool{kind,
                             {.kernel = 3, .stride = 2, .pad = 1},
                             prologue ? std::optional(graph::Prologue{affine.scale, affine.shift}) : std::nullopt}});
            check(graph);
            REQUIRE(!graph::multiplies_floats(graph));
            std::vector<std::uint32_t> truth;
            for_each_isa([&] {
                const Tensor dst = Tensor::empty({3, 12, 12, 19});
                Runtime(graph, 3).run(3, images.data<float>(), dst.data<float>());
                if (truth.empty()) truth = bits_of(dst);
                CHECK(bits_of(dst) == truth);
            });
        }
}

TEST_CASE("A quantized network is near the one of floats, whatever makes the ranges", "[quantize]") {
    const Network network("resnet18", 64);
    const Tensor images = random_images(4, 64, 3, 9);
    const std::vector<float> truth = network.logits(network.graph, images);
    for (const RangeMethod method : kRangeMethods) {
        INFO(std::string(keel::name(method)));
        const Quantized quantized = network.quantized({.method = method});
        CHECK(snr(network.logits(quantized.graph, images), truth) > 20);
        CHECK(quantized.report.method == method);
    }
    const QuantizeReport report = network.quantized({}).report;
    REQUIRE(report.candidates.size() == 4);
    for (const auto& candidate : report.candidates)
        if (candidate.method == report.method)
            for (const auto& other : report.candidates) CHECK(candidate.error <= other.error);
}

TEST_CASE("DenseNet runs without floats, the wide buffers quantized by channel", "[quantize]") {
    Network network("densenet121", 64);
    network.graph =
        graph::trace(*make_model("densenet121", network.spec.options, 3), 64, 64, 3);  // batch norms of even slopes
    const Quantized quantized = network.quantized();
    const Tensor images = random_images(4, 64, 3, 9);
    CHECK(snr(network.logits(quantized.graph, images), network.logits(network.graph, images)) > 20);
    for (const graph::Node& node : quantized.graph.nodes) {
        INFO(node.name);
        CHECK((node.as<graph::QuantConv>() != nullptr || node.as<graph::QuantPool>() != nullptr ||
               node.name == "images"));
    }
    CHECK(!conv_named(quantized.graph, "features.denseblock2.denselayer3.conv1").prologue.low.empty());
    const auto& scales = conv_named(quantized.graph, "features.denseblock2.denselayer3.conv2").scale;
    CHECK(std::set<float>(scales.begin(), scales.end()).size() > scales.size() / 2);
    for (const LayerReport& layer : quantized.report.layers) CHECK(std::isfinite(layer.snr_db));
    CHECK(quantized.report.fallbacks.empty());
}

TEST_CASE("Layers are left in fp32 by name and by what they lose", "[quantize]") {
    const Network network("densenet121", 64);
    const std::string kept = "features.denseblock1.denselayer2.conv1";
    const Quantized named = network.quantized({.method = RangeMethod::minmax, .keep = {kept, "features.conv0"}});
    const Quantized worst = network.quantized({.method = RangeMethod::minmax, .keep_worst = 3});
    const auto in_fp32 = [](const Quantized& quantized) {
        return std::ranges::count(quantized.report.layers, Arithmetic::fp32, &LayerReport::arithmetic);
    };
    CHECK(in_fp32(named) == 2);
    CHECK(in_fp32(worst) == 3);
    const Tensor images = random_images(4, 64, 3, 9);
    CHECK(snr(network.logits(named.graph, images), network.logits(network.graph, images)) > 20);
    CHECK_THROWS_WITH(network.quantized({.keep = {"conv7"}}), contains("there is no layer 'conv7'"));
}

TEST_CASE("Where a channel leaves the others too few levels, the layers at both ends of their map fall back to fp32",
          "[quantize]") {
    Network network("resnet18", 64);
    graph::Graph graph = graph::trace(*make_model("resnet18", network.spec.options, 3), 64, 64, 3);
    Random random(5, Draw::synthesize);
    for (Tensor& batch : network.batches)
        for (std::int64_t i = 0; i < 3 * batch.dim(0); ++i) {  // each of a brightness and a contrast of its own
            const float brightness = random.uniform(-1, 1), contrast = random.uniform(0, 1);
            for (std::int64_t p = 0; p < 64 * 64; ++p) {
                float& value = batch.data<float>()[(i / 3 * 64 * 64 + p) * 3 + i % 3];
                value = brightness + contrast * value;
            }
        }
    const std::string writer = "layer4.1.conv1", reader = "layer4.1.conv2";
    constexpr float kMuch = 30000;
    std::int64_t channel = 0;
    for (graph::Node& node : graph.nodes) {  // ranges change, results do not
        if (node.name != writer && node.name != reader) continue;
        auto& conv = *node.as<graph::Conv>();
        conv.weights = conv.weights.clone();
        const std::int64_t oc = conv.weights.dim(0), of_output = conv.weights.elements() / oc;
        auto* w = conv.weights.data<float>();
        if (node.name == writer) {
            REQUIRE(conv.relu);
            channel =
                std::ranges::max_element(conv.bias) - conv.bias.begin();  // not one that its ReLU leaves nothing of
            for (std::int64_t i = 0; i < of_output; ++i) w[channel * of_output + i] *= kMuch;
            conv.bias[static_cast<std::size_t>(channel)] *= kMuch;
        } else {
            for (std::int64_t i = 0; i < oc * of_output; ++i)
                if (i % of_output / 9 == channel) w[i] /= kMuch;
            conv.residual.reset();  // nothing goes past these layers
        }
    }
    const Quantized whole = quantize(graph, network.batches, {.method = RangeMethod::minmax, .keep_below = 0});
    const Quantized fallen = quantize(graph, network.batches, {.method = RangeMethod::minmax});
    CHECK(whole.report.fallbacks.empty());
    CHECK(whole.report.logits_error > 0.5);
    CHECK(fallen.report.logits_error < 0.05);
    const auto snr_of_reader = [&](const Quantized& quantized) {
        return std::ranges::find(quantized.report.layers, reader, &LayerReport::name)->snr_db;
    };
    CHECK(snr_of_reader(whole) < 15);
    CHECK(snr_of_reader(fallen) > 25);
    REQUIRE(fallen.report.fallbacks.size() == 1);
    CHECK(fallen.report.fallbacks[0].name == reader);
    CHECK(fallen.report.fallbacks[0].snr_db < 15);
    for (const LayerReport& layer : fallen.report.layers) {
        INFO(layer.name);
        CHECK((layer.arithmetic == Arithmetic::fp32) == (layer.name == writer || layer.name == reader));
    }
    for (const graph::Node& node : fallen.graph.nodes)
        CHECK(node.name != reader + ".dequantise");  // its map is of floats
    const graph::Graph even = graph::trace(*make_model("resnet18", network.spec.options, 3), 64, 64, 3);
    CHECK(quantize(even, network.batches, {.method = RangeMethod::minmax}).report.fallbacks.empty());
}

TEST_CASE("A batch norm too uneven for a clamp is applied as values are read", "[quantize]") {
    const Network network("densenet121", 64);
    graph::Graph graph = network.graph;
    const std::string name = "features.denseblock2.denselayer4.conv1";
    for (graph::Node& node : graph.nodes) {
        if (node.name != name) continue;
        auto& conv = *node.as<graph::Conv>();
        conv.weights = conv.weights.clone();
        // One channel that is almost nothing after the batch norm, with weights that make up for it: its product is
        // ordinary, but the folded weights of all others vanish beside one that is folded the other way.
        for (std::size_t c = 0; c < 8; ++c) conv.prologue->scale[c] *= 300;
    }
    const Quantized quantized = quantize(graph, network.batches, {.method = RangeMethod::minmax});
    bool found = false;
    for (const LayerReport& layer : quantized.report.layers)
        found = found || (layer.name == name && layer.arithmetic == Arithmetic::requantized);
    CHECK(found);
    CHECK(!conv_named(quantized.graph, name).prologue.scale.empty());
    const Tensor images = random_images(2, 64, 3, 9);
    const std::vector<float> truth = QuantSimulator(quantized.graph).run(2, images.data<float>());
    for_each_isa([&] { CHECK(network.logits(quantized.graph, images) == truth); });
}

TEST_CASE("Corrected biases give back the mean of what a layer lost", "[quantize]") {
    const Network network("resnet18", 64);
    const Tensor images = random_images(16, 64, 3, 5);
    const std::vector<float> truth = network.logits(network.graph, images);
    const auto mean_error = [&](bool correct) {
        const auto values =
            network.logits(network.quantized({.method = RangeMethod::kl, .correct_bias = correct}).graph, images);
        double sum = 0;
        for (std::size_t label = 0; label < 5; ++label) {
            double mean = 0;
            for (std::size_t i = label; i < values.size(); i += 5) mean += double{values[i]} - truth[i];
            sum += std::abs(mean);
        }
        return sum;
    };
    CHECK(mean_error(true) < mean_error(false));
}
