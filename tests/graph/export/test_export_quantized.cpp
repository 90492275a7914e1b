// Quantized graphs as ONNX models, read again: codes between QuantizeLinear and DequantizeLinear.
#include <algorithm>

#include "graph/build/builder.h"
#include "graph/export/export.h"
#include "graph/ops/quant_conv.h"
#include "graph/ops/quant_convert.h"
#include "graph/ops/quant_pool.h"
#include "graph/ops/rearrange.h"
#include "kernels/error.h"
#include "tests/graph/export/round_trip.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::graph;
using namespace keel::test;

namespace {

/// Images to codes, and what `op` makes of them in floats.
Graph graph_of(std::int64_t h, std::int64_t w, std::int64_t c, const Op& op, std::int64_t dst_h, std::int64_t dst_w,
               std::int64_t dst_c) {
    Graph graph;
    const std::int64_t pixels = dst_h * dst_w;
    graph.buffers = {
        {h, w, c}, {h, w, c, true}, {dst_h, dst_w, dst_c, true}, {dst_h, dst_w, dst_c}, {1, 1, pixels * dst_c}};
    graph.src = {0, 0, c};
    graph.dst = {4, 0, pixels * dst_c};
    std::vector<float> scale, shift;
    for (std::int64_t i = 0; i < c; ++i) {
        scale.push_back(40 + static_cast<float>(i));
        shift.push_back(120 + static_cast<float>(i));
    }
    graph.nodes.push_back({"images", graph.src, {1, 0, c}, Quantize{scale, shift}});
    graph.nodes.push_back({"op", {1, 0, c}, {2, 0, dst_c}, op});
    const std::vector<float> ones(static_cast<std::size_t>(dst_c), 1), zeros(static_cast<std::size_t>(dst_c), 0);
    graph.nodes.push_back({"result", {2, 0, dst_c}, {3, 0, dst_c}, Dequantize{ones, zeros}});
    Rearrange flatten;
    flatten.channel_axes = {{dst_c, 0, 1}, {pixels, 1, 0}};
    graph.nodes.push_back({"flatten", {3, 0, dst_c}, graph.dst, flatten});
    check(graph);
    return graph;
}

QuantConv conv_of(std::int64_t oc, std::int64_t ic, int kernel, const Conv2dOptions& options) {
    QuantConv conv;
    conv.weights = Tensor::empty({oc, ic / options.groups, kernel, kernel}, DType::s8);
    std::int8_t* weights = conv.weights.data<std::int8_t>();
    for (std::int64_t i = 0; i < conv.weights.elements(); ++i)
        weights[i] = static_cast<std::int8_t>(i * 37 % 255 - 127);
    conv.options = options;
    for (std::int64_t o = 0; o < oc; ++o) {
        conv.scale.push_back(0.002F + 0.0001F * static_cast<float>(o));
        conv.shift.push_back(100 + 5 * static_cast<float>(o));
    }
    return conv;
}

/// The root of the mean square of the difference.
double distance(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < b.size(); ++i) sum += std::pow(double{a[i]} - b[i], 2);
    return std::sqrt(sum / static_cast<double>(b.size()));
}

/// The largest difference, in codes, and how many of a thousand differ at all.
struct Difference {
    double most = 0, share = 0;
};
Difference codes_apart(const Graph& graph) {
    const std::int64_t n = 3;
    const std::vector<float> images = normal_images(n, graph.map(graph.src), 7);
    const std::vector<float> wanted = run(graph, images, n), got = run(again(graph).graph, images, n);
    REQUIRE(got.size() == wanted.size());
    Difference difference;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double apart = std::abs(double{got[i]} - wanted[i]);
        difference.most = std::max(difference.most, apart);
        difference.share += apart > 0 ? 1000.0 / static_cast<double>(got.size()) : 0;
    }
    return difference;
}

/// A bias in steps of the scale is off by half a step at most, 0.0015 codes, so that three codes of a thousand may
/// round to the next one, and never to another.
void check_codes(const Graph& graph) {
    const Difference difference = codes_apart(graph);
    CHECK(difference.most <= 1);
    CHECK(difference.share <= 6);
}

}  // namespace

TEST_CASE("Convolutions of codes are the same when their ONNX model is read again", "[export]") {
    QuantConv conv = conv_of(6, 4, 3, {.stride = 1, .pad = 1});
    SECTION("plain") {}
    SECTION("with a code that pads") { conv.pad = {100, 100, 100, 100}; }
    SECTION("with a code of each channel") { conv.pad = {100, 101, 0, 255}; }
    SECTION("through a clamp") {
        conv.prologue.low = {100, 0, 50, 20};
        conv.prologue.high = {255, 130, 200, 255};
        conv.pad = {100, 100, 100, 100};
    }
    SECTION("through an affine") {
        conv.prologue.scale = {0.5F, 1, 1.25F, -1};
        conv.prologue.shift = {0, 10, -20, 255};
    }
    SECTION("with a ReLU at a code") {
        conv.relu = true;
        conv.zero = 90;
    }
    check_codes(graph_of(7, 6, 4, conv, 7, 6, 6));
}

TEST_CASE("Groups, strides and products of codes are the same when their ONNX model is read again", "[export]") {
    check_codes(graph_of(7, 6, 4, conv_of(4, 4, 3, {.stride = 2, .pad = 1, .groups = 4}), 4, 3, 4));
    check_codes(graph_of(5, 5, 4, conv_of(6, 4, 5, {}), 1, 1, 6));
    QuantConv residual = conv_of(4, 4, 3, {.stride = 1, .pad = 1});
    residual.residual = Value{1, 0, 4};
    residual.residual_scale = {0.5F, 1, -0.25F, 0.75F};
    check_codes(graph_of(7, 6, 4, residual, 7, 6, 4));
}

TEST_CASE("Pools of codes are the same when their ONNX model is read again", "[export]") {
    QuantPool pool;
    pool.window = {3, 2, 1};
    pool.prologue.low = {100, 0, 50, 20};
    pool.prologue.high = {255, 130, 200, 255};
    SECTION("maximum") { check_codes(graph_of(7, 6, 4, pool, 4, 3, 4)); }
    pool.scale = {1, 0.5F, 2, 1.25F};
    pool.shift = {0, 10, -20, 3};
    SECTION("average") {
        pool.kind = PoolKind::average;
        pool.pad = {100, 100, 100, 100};
        check_codes(graph_of(7, 6, 4, pool, 4, 3, 4));
    }
    SECTION("adaptive") {
        pool.kind = PoolKind::adaptive_average;
        check_codes(graph_of(7, 6, 4, pool, 1, 1, 4));
    }
}

TEST_CASE("Quantized models give the same logits when their ONNX models are read again", "[export]") {
    for (const char* name : {"resnet18", "densenet121", "vgg16"}) {
        CAPTURE(name);
        const Network network(name, 32);
        const Quantized quantized = network.quantized();
        const std::vector<float> images = normal_images(4, network.graph.map(network.graph.src), 9);
        const std::vector<float> floats = run(network.graph, images, 4), codes = run(quantized.graph, images, 4);
        const std::vector<float> exported = run(again(quantized.graph).graph, images, 4);
        // A code that is the next one by the bias's rounding makes others differ, layer by layer. At worst nothing of
        // the two models' rounding is alike, and they are as far from one another as both are from the floats together,
        // of which one may be twice the other: four images' logits, which move together, are few to know an error by.
        CHECK(distance(exported, codes) <= 3 * distance(codes, floats));
    }
}

TEST_CASE("Convolutions of codes stand between DequantizeLinear and QuantizeLinear", "[export]") {
    const onnx::Model model = to_onnx(Network("vgg16", 32).quantized().graph, {});
    std::map<std::string, std::string> maker;
    for (const onnx::Node& node : model.nodes) maker[node.outputs[0]] = node.op;
    int convolutions = 0;
    for (const onnx::Node& node : model.nodes) {
        if (node.op != "Conv" && node.op != "Gemm") continue;
        ++convolutions;
        for (const std::string& input : node.inputs) CHECK(maker[input] == "DequantizeLinear");
        const bool last = node.outputs[0] == "output";
        const auto reader = std::ranges::find_if(model.nodes, [&](const onnx::Node& other) {
            return std::ranges::find(other.inputs, node.outputs[0]) != other.inputs.end();
        });
        CHECK((last || reader->op == "QuantizeLinear"));
    }
    CHECK(convolutions == 16);
    for (const auto& [name, array] : model.initializers)
        if (name.ends_with(".weight")) CHECK(array.type == onnx::ElementType::s8);
}

TEST_CASE("A shift that is no 32 bits of its channel's scale", "[export]") {
    QuantConv conv = conv_of(4, 4, 3, {.stride = 1, .pad = 1});
    SECTION("weights that are nothing beside it") { conv.scale[1] = 1e-12F; }
    SECTION("weights that are half a code") { conv.scale[1] = 5e-8F * 36; }
    SECTION("no scale at all") {
        conv.scale[1] = 0;
        conv.shift[2] = 0;
        conv.scale[2] = 0;
    }
    SECTION("a shift beyond all codes") { conv.shift[0] = 1e9F; }
    check_codes(graph_of(7, 6, 4, conv, 7, 6, 4));
    conv.scale[0] = -1;
    CHECK_THROWS_WITH(to_onnx(graph_of(7, 6, 4, conv, 7, 6, 4), {}), contains("a scale of -1 of channel 0"));
}
