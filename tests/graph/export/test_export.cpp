// Graphs as ONNX models, read again: every operator, in every opset in which it is written in another way.
#include "graph/export/export.h"

#include <filesystem>
#include <functional>
#include <set>

#include "graph/build/builder.h"
#include "graph/build/trace.h"
#include "graph/ops/activation.h"
#include "graph/ops/add.h"
#include "graph/ops/affine.h"
#include "graph/ops/binary.h"
#include "graph/ops/fake_quantize.h"
#include "graph/ops/matmul.h"
#include "graph/ops/norm.h"
#include "graph/ops/pad.h"
#include "graph/ops/prelu.h"
#include "graph/ops/rearrange.h"
#include "graph/ops/reduce.h"
#include "graph/ops/registry.h"
#include "graph/ops/resize.h"
#include "graph/ops/softmax.h"
#include "graph/ops/window_pool.h"
#include "kernels/error.h"
#include "models/registry.h"
#include "tests/graph/export/round_trip.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::graph;
using namespace keel::test;
using kernels::ActivationKind;
using kernels::BinaryKind;

namespace {

constexpr std::int64_t kH = 6, kW = 5, kC = 4;
constexpr int kOpsets[] = {13, 14, 17, 18, 20, 21};
/// No operator here sums more than 500 products; those that stand alone are the same to the bit, but for functions that
/// are written as several: u = 2^-24, 500 u = 3e-5 at most, a tenth of it for sums of random signs.
constexpr double kRounding = 3e-6;

/// A graph from images of kH x kW x kC, of what `add` adds, to a row of all of its result.
Graph graph_of(const std::function<Value(Builder&, const Value&)>& add) {
    Builder builder(kH, kW, kC);
    const Value dst = add(builder, builder.src());
    const Buffer map = builder.map(dst);
    Rearrange flatten;
    flatten.channel_axes = {{dst.c, 0, 1}, {map.h * map.w, 1, 0}};
    return builder.finish(builder.append("flatten", dst, 1, 1, map.h * map.w * dst.c, flatten));
}

struct Sample {
    std::string name;
    std::function<Value(Builder&, const Value&)> add;
};

std::vector<float> some(std::int64_t count, float first = 0.5F) {
    std::vector<float> values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(first + 0.25F * static_cast<float>(i % 7));
    return values;
}

Tensor weights(const Dims& dims) { return Tensor::from<float>(some(dims.elements(), -0.75F), dims); }

/// An operator alone, with a result of h x w x c.
Sample alone(const std::string& name, std::int64_t h, std::int64_t w, std::int64_t c, const Op& op) {
    return {name, [=](Builder& builder, const Value& src) { return builder.append("op", src, h, w, c, op); }};
}
Sample alone(const std::string& name, const Op& op) { return alone(name, kH, kW, kC, op); }

std::vector<Sample> convolutions() {
    const auto conv = [](const std::string& name, const Dims& dims, const auto& window) {
        return Sample{name, [=](Builder& builder, const Value& src) {
                          return builder.conv("conv", src, weights(dims), Tensor::from<float>(some(dims[0]), {dims[0]}),
                                              window);
                      }};
    };
    ConvWindow odd;
    odd.stride_h = 2;
    odd.top = 1;
    odd.right = 2;
    odd.dilation_w = 2;
    const auto activated = [](Builder& builder, const Value& src) {
        const Value first = builder.conv("first", src, weights({4, 4, 3, 3}), {}, Conv2dOptions{.pad = 1});
        const Value swish = builder.activation("swish", first, {ActivationKind::silu});
        builder.keep(swish);
        const Value second = builder.conv("second", swish, weights({4, 4, 1, 1}), {}, Conv2dOptions{});
        return builder.relu(builder.add("sum", second, swish));
    };
    const auto normalized = [](Builder& builder, const Value& src) {
        builder.keep(src);
        const Value norm = builder.affine("norm", src, {1, 2, -1, 0.5}, {0.5, 0, 1, -1}, true);
        return builder.conv("conv", norm, weights({3, 4, 3, 3}), {}, Conv2dOptions{.pad = 1});
    };
    return {conv("plain", {3, 4, 3, 3}, Conv2dOptions{.stride = 2, .pad = 1}),
            conv("groups", {8, 2, 3, 3}, Conv2dOptions{.dilation = 2, .groups = 2}),
            conv("odd window", {3, 4, 2, 3}, odd),
            conv("whole map", {7, 4, 6, 5}, Conv2dOptions{}),
            {"activation and residual", activated},
            {"prologue", normalized}};
}

std::vector<Sample> pools() {
    const auto pool = [](const std::string& name, auto add) { return Sample{name, add}; };
    WindowPool tall{.kind = WindowPool::Kind::max, .kh = 3, .kw = 2, .stride_h = 2, .left = 1, .dilation_w = 2};
    WindowPool ceil{.kind = WindowPool::Kind::average,
                    .kh = 3,
                    .kw = 3,
                    .stride_h = 2,
                    .stride_w = 2,
                    .top = 1,
                    .left = 1,
                    .bottom = 1,
                    .right = 1};
    WindowPool counted = ceil;
    counted.count_padding = true;
    return {pool("max",
                 [](Builder& b, const Value& src) {
                     return b.max_pool("pool", src, {3, 2, 1});
                 }),
            pool("average",
                 [](Builder& b, const Value& src) {
                     return b.avg_pool("pool", src, {2, 2, 1});
                 }),
            pool("global", [](Builder& b, const Value& src) { return b.adaptive_avg_pool(src, 1, 1); }),
            pool("thirds", [](Builder& b, const Value& src) { return b.adaptive_avg_pool(src, 3, 1); }),
            pool("areas", [](Builder& b, const Value& src) { return b.adaptive_avg_pool(src, 4, 7); }),
            pool("doubled", [](Builder& b, const Value& src) { return b.adaptive_avg_pool(src, 2 * kH, 2 * kW); }),
            alone("window", 2, kW, kC, tall),
            alone("rounded up", 4, 3, kC, ceil),
            alone("padding counted", 3, 3, kC, counted),
            alone("reduce mean", kH, kW, 1, Reduce{Reduce::Kind::mean}),
            alone("reduce sum", kH, kW, 1, Reduce{Reduce::Kind::sum}),
            alone("reduce max", kH, kW, 1, Reduce{Reduce::Kind::max}),
            alone("reduce min", kH, kW, 1, Reduce{Reduce::Kind::min})};
}

std::vector<Sample> activations() {
    std::vector<Sample> samples;
    for (int kind = 1; kind < static_cast<int>(std::size(kernels::kActivationNames)); ++kind) {
        const auto which = static_cast<ActivationKind>(kind);
        if (which == ActivationKind::log || which == ActivationKind::sqrt) continue;  // NaN of what is below 0
        samples.push_back(alone(kernels::kActivationNames[kind], Activate{{which, -0.5F, 0.75F}}));
    }
    const auto positive = [](ActivationKind kind) {
        return [=](Builder& builder, const Value& src) {
            const Value square = builder.append("exp", src, kH, kW, kC, Activate{{ActivationKind::exp}});
            builder.keep(square);
            return builder.append("op", square, kH, kW, kC, Activate{{kind}});
        };
    };
    samples.push_back({"log", positive(ActivationKind::log)});
    samples.push_back({"sqrt", positive(ActivationKind::sqrt)});
    return samples;
}

std::vector<Sample> arithmetic() {
    std::vector<Sample> samples;
    for (const BinaryKind kind :
         {BinaryKind::add, BinaryKind::sub, BinaryKind::mul, BinaryKind::div, BinaryKind::max, BinaryKind::min})
        for (const std::int64_t count : {std::int64_t{1}, kC, kH * kW * kC}) {
            Binary binary{.kind = kind, .operand = {}, .constant = some(count)};
            samples.push_back(alone("constant", binary));
            binary.swapped = kind == BinaryKind::sub;
            samples.push_back(alone("swapped constant", binary));
        }
    samples.push_back(alone("square", Binary{.kind = BinaryKind::pow, .operand = {}, .constant = {2}}));
    samples.push_back({"gate", [](Builder& builder, const Value& src) {
                           builder.keep(src);
                           const Value gate = builder.adaptive_avg_pool(src, 1, 1);
                           Binary binary{.kind = BinaryKind::mul, .operand = gate, .constant = {}};
                           return builder.append("gate", src, kH, kW, kC, binary);
                       }});
    samples.push_back({"sum", [](Builder& builder, const Value& src) {
                           builder.keep(src);
                           const Value pool = builder.max_pool("pool", src, {3, 1, 1});
                           return builder.relu(builder.add("sum", pool, src));
                       }});
    samples.push_back({"affine", [](Builder& builder, const Value& src) {
                           return builder.affine("affine", src, {1, 2, 3, -1}, {0.5, 0, 1, -1}, true);
                       }});
    samples.push_back(alone("prelu", PRelu{some(kC)}));
    samples.push_back(alone("prelu of one", PRelu{{0.25F}}));
    samples.push_back(alone("softmax", Softmax{}));
    samples.push_back(alone("log softmax", Softmax{true}));
    samples.push_back(alone("u8", FakeQuantize{.scale = {0.02F}, .zero = {100}, .low = 0, .high = 255}));
    samples.push_back(alone("s8 narrow", FakeQuantize{.scale = {0.01F}, .zero = {0}, .low = -127, .high = 127}));
    samples.push_back(alone(
        "channels", FakeQuantize{.scale = {0.02F, 0.01F, 0.03F, 0.04F}, .zero = {1, 2, 3, 4}, .low = 0, .high = 255}));
    return samples;
}

std::vector<Sample> normalizations() {
    return {alone("layer norm", LayerNorm{.scale = some(kC), .shift = some(kC), .eps = 1e-3F}),
            alone("plain layer norm", LayerNorm{}),
            alone("instance norm", InstanceNorm{.scale = some(kC), .shift = some(kC), .eps = 1e-3F}),
            alone("plain instance norm", InstanceNorm{}),
            alone("lrn", LocalResponseNorm{.size = 3, .alpha = 0.5F, .beta = 0.75F, .bias = 2})};
}

std::vector<Sample> shapes() {
    const auto resize = [](kernels::ResizeKind kind, kernels::ResizeCoordinates coordinates, std::int64_t h,
                           std::int64_t w) {
        return Resize{.kind = kind,
                      .coordinates = coordinates,
                      .rounding = kernels::NearestRounding::floor,
                      .scale_h = static_cast<float>(h) / static_cast<float>(kH),
                      .scale_w = static_cast<float>(w) / static_cast<float>(kW)};
    };
    using kernels::ResizeCoordinates;
    using kernels::ResizeKind;
    std::vector<Sample> samples{
        alone("shuffle", Rearrange{.pixel_axes = {{kH * kW, 1, 0}}, .channel_axes = {{2, 0, 1}, {2, 0, 2}}}),
        alone("steps", 3, 2, kC,
              Rearrange{.pixel_axes = {{3, 2 * kW, 0}, {2, 2, 0}}, .channel_axes = {{kC, 0, 1}}, .first_pixel = 1}),
        alone("flip",
              Rearrange{.pixel_axes = {{kH, kW, 0}, {kW, -1, 0}}, .channel_axes = {{kC, 0, 1}}, .first_pixel = kW - 1}),
        alone("transpose", kW, kH, kC,
              Rearrange{.pixel_axes = {{kW, 1, 0}, {kH, kW, 0}}, .channel_axes = {{kC, 0, 1}}}),
        alone("channels to pixels", kC, kH * kW, 1,
              Rearrange{.pixel_axes = {{kC, 0, 1}, {kH * kW, 1, 0}}, .channel_axes = {}}),
        alone("pixels as a line", kH * kW, 1, kC,
              Rearrange{.pixel_axes = {{kH * kW, 1, 0}}, .channel_axes = {{kC, 0, 1}}}),
        alone("pad", kH + 3, kW + 2, kC + 1, Pad{Pad::Mode::constant, 1, 2, 1, 0.5F}),
        alone("reflect", kH + 3, kW + 2, kC, Pad{Pad::Mode::reflect, 1, 2, 0, 0}),
        alone("edge", kH + 3, kW + 2, kC, Pad{Pad::Mode::edge, 1, 0, 0, 0}),
        alone("nearest", 12, 10, kC, resize(ResizeKind::nearest, ResizeCoordinates::asymmetric, 12, 10)),
        alone("linear", 9, 7, kC, resize(ResizeKind::linear, ResizeCoordinates::half_pixel, 9, 7)),
        alone("corners", 11, 8, kC, resize(ResizeKind::linear, ResizeCoordinates::align_corners, 11, 8)),
    };
    samples.push_back({"matmul", [](Builder& builder, const Value& src) {  // 3 x 2 rows of 4 by 4 rows of 5
                           builder.keep(src);
                           Rearrange rows{.pixel_axes = {{6, 1, 0}}, .channel_axes = {{4, 0, 1}}};
                           Rearrange columns{.pixel_axes = {{3, 10, 0}, {4, 0, 1}}, .channel_axes = {{5, 2, 0}}};
                           const Value a = builder.append("rows", src, 6, 1, 4, rows);
                           const Value b = builder.append("columns", src, 12, 1, 5, columns);
                           builder.keep(a);
                           builder.keep(b);
                           MatMul product{.operand = b, .batches = 3, .m = 2, .k = 4, .n = 5};
                           return builder.append("product", a, 6, 1, 5, product);
                       }});
    return samples;
}

void check(const std::vector<Sample>& samples, std::set<std::string>& seen) {
    for (const Sample& sample : samples) {
        const Graph graph = graph_of(sample.add);
        for (const Node& node : graph.nodes) seen.insert(std::string(node.op.name()));
        const std::vector<float> images = normal_images(2, graph.map(graph.src), 1);
        const std::vector<float> wanted = run(graph, images, 2);
        for (const int opset : kOpsets) {
            CAPTURE(sample.name, opset);
            CHECK(difference(run(again(graph, {.opset = opset}).graph, images, 2), wanted) <= kRounding);
        }
    }
}

std::vector<std::string> operators_of(const onnx::Model& model) {
    std::vector<std::string> ops;
    for (const onnx::Node& node : model.nodes) ops.push_back(node.op);
    return ops;
}

}  // namespace

TEST_CASE("Every operator of floats is the same when its ONNX model is read again", "[export]") {
    std::set<std::string> seen;
    check(convolutions(), seen);
    check(pools(), seen);
    check(activations(), seen);
    check(arithmetic(), seen);
    check(normalizations(), seen);
    check(shapes(), seen);
    for (const OpKind& kind : op_kinds())
        if (kind.name.find("quant") != 0 && kind.name != "dequantise") CHECK(seen.contains(std::string(kind.name)));
}

TEST_CASE("Models of the registry are the same when their ONNX models are read again", "[export]") {
    for (const char* name : {"resnet18", "densenet121", "vgg16"}) {
        CAPTURE(name);
        const Graph graph = Network(name, 32).graph;
        const std::vector<float> images = normal_images(2, graph.map(graph.src), 1);
        const std::vector<float> wanted = run(graph, images, 2);
        // 121 layers of sums that are made in another order where the kernels differ.
        CHECK(difference(run(again(graph).graph, images, 2), wanted) <= 1e-5);
    }
}

TEST_CASE("Networks of PyTorch's exporters are the same when they are exported and read again", "[export]") {
    const std::filesystem::path folder = std::filesystem::path(KEEL_SOURCE_DIR) / "tests/graph/files/onnx";
    int networks = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".onnx") continue;
        CAPTURE(entry.path());
        const onnx::Model model = onnx::read_file(entry.path());
        const ModelImages images = images_of(model);
        const Graph graph = import_graph(model, images.h, images.w, images.channels).graph;
        const std::vector<float> pixels = normal_images(2, graph.map(graph.src), 3);
        const std::vector<float> wanted = run(graph, pixels, 2);
        CHECK(difference(run(again(graph).graph, pixels, 2), wanted) <= kRounding);
        ++networks;
    }
    CHECK(networks == 24);
}

TEST_CASE("The slices of a dense block are joined, nothing else is moved", "[export]") {
    const Graph graph = trace(*find_model("densenet121").make({.classes = 3}), 64, 64, 3);
    const std::vector<std::string> ops = operators_of(to_onnx(graph, {}));
    CHECK(std::ranges::count(ops, "Conv") == 120);
    CHECK(std::ranges::count(ops, "Gemm") == 1);
    CHECK(std::ranges::count(ops, "Concat") == 58);
    CHECK(std::ranges::count(ops, "Slice") == 0);
    CHECK(std::ranges::count(ops, "Unsqueeze") == 0);
    CHECK(std::ranges::count(ops, "Flatten") == 1);
}

TEST_CASE("An ONNX model says what it is", "[export]") {
    const Graph graph = graph_of([](Builder& builder, const Value& src) {
        return builder.conv("features.conv0", src, weights({3, 4, 3, 3}), {}, Conv2dOptions{});
    });
    const onnx::Model model = to_onnx(graph, {.opset = 21, .name = "net", .metadata = {{"labels", "[]"}}});
    CHECK(model.opsets == std::map<std::string, std::int64_t>{{"", 21}});
    CHECK(model.ir_version == 10);
    CHECK(model.producer == "keel");
    CHECK(model.graph_name == "net");
    CHECK(model.metadata.at("labels") == "[]");
    REQUIRE(model.inputs.size() == 1);
    CHECK(model.inputs[0].name == "input");
    REQUIRE(model.inputs[0].dims.size() == 4);
    CHECK(model.inputs[0].dims[0].name == "batch");
    CHECK(model.inputs[0].dims[1].value == kC);
    CHECK(model.inputs[0].dims[2].value == kH);
    REQUIRE(model.outputs.size() == 1);
    CHECK(model.outputs[0].name == "output");
    CHECK(model.outputs[0].dims.size() == 2);
    CHECK(model.nodes[0].name == "features.conv0");
    CHECK(model.initializers.contains("features.conv0.weight"));
    CHECK(model.nodes.back().outputs == std::vector<std::string>{"output"});
}

TEST_CASE("Heads and preprocessing are nodes of the model", "[export]") {
    const Graph graph = Network("resnet18", 32).graph;
    CHECK(operators_of(to_onnx(graph, {.head = OnnxOptions::Head::softmax})).back() == "Softmax");
    CHECK(operators_of(to_onnx(graph, {.head = OnnxOptions::Head::sigmoid})).back() == "Sigmoid");
    const ImportedGraph softmax = again(graph, {.head = OnnxOptions::Head::softmax});
    CHECK(softmax.outputs == Outputs::softmax);

    // Pixels of 0 to 1 through the model with its preprocessing, normalized ones through the graph.
    std::vector<float> pixels = normal_images(2, graph.map(graph.src), 1), normalized = pixels;
    const std::vector<float> mean{0.5F, 0.4F, 0.3F}, std{0.25F, 0.2F, 0.5F};
    for (std::size_t i = 0; i < pixels.size(); ++i) normalized[i] = (pixels[i] - mean[i % 3]) / std[i % 3];
    const Preprocessing preprocessing{false, mean, std};
    CHECK(difference(run(again(graph, {.preprocessing = preprocessing}).graph, pixels, 2), run(graph, normalized, 2)) <=
          1e-5);
    const onnx::Model bytes = to_onnx(graph, {.preprocessing = Preprocessing{true, mean, std}});
    CHECK(bytes.inputs[0].type == onnx::ElementType::u8);
    CHECK(bytes.nodes[0].op == "Cast");
}

TEST_CASE("What cannot be exported is refused", "[export]") {
    const Graph graph = graph_of([](Builder&, const Value& src) { return src; });
    CHECK_THROWS_WITH(to_onnx(graph, {.opset = 12}), contains("[export] opset 12, wanted 13 to 21"));
    CHECK_THROWS_WITH(to_onnx(graph, {.opset = 22}), contains("wanted 13 to 21"));
    const Preprocessing two{false, {0.5F, 0.5F}, {0.25F}};
    CHECK_THROWS_WITH(to_onnx(graph, {.preprocessing = two}), contains("a mean of 2 channels, the model has 4"));
    const Graph wide = graph_of([](Builder& builder, const Value& src) {
        return builder.append("op", src, kH, kW, kC, FakeQuantize{.scale = {1}, .zero = {0}, .low = 0, .high = 1023});
    });
    CHECK_THROWS_WITH(to_onnx(wide, {.opset = 17}), contains("a rounding to integers of 0 to 1023"));
}
