// Convolutions with windows that are not even and with activations, and activations alone: what the builder makes of
// them, what they compute, files, and what quantization does with them.
#include "graph/ops/activation.h"

#include <limits>

#include "graph/build/builder.h"
#include "graph/build/graph_file.h"
#include "graph/ops/conv.h"
#include "graph/quantize/quantize.h"
#include "graph/runtime.h"
#include "models/random_training.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/gradcheck.h"
#include "tests/support/isa.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::graph;
using namespace keel::test;
using kernels::Activation;
using kernels::ActivationKind;

namespace {

constexpr Activation kSilu{ActivationKind::silu}, kRelu6{ActivationKind::clip, 0, 6};

Tensor drawn(const Dims& dims, std::uint64_t seed) { return uniform(dims, seed, -0.5, 0.5).to(DType::f32); }

std::vector<float> run_graph(const Graph& graph, const Tensor& images) {
    const Tensor dst = Tensor::empty({images.dim(0), graph.map(graph.dst).elements()});
    Runtime(graph, images.dim(0)).run(images.dim(0), images.data<float>(), dst.data<float>());
    return {dst.values<float>().begin(), dst.values<float>().end()};
}

std::vector<float> activated(const Activation& activation, std::vector<float> x) {
    const auto n = std::ssize(x);
    kernels::activation_forward(activation, {1, n, n, n}, x.data(), x.data());
    return x;
}

Graph reread(const Graph& graph) {
    const TemporaryFolder folder;
    save_graph(folder / "g", graph, {});
    return read_graph(load_checkpoint(folder / "g"), "g");
}

/// The plain loops.
std::vector<float> convolved(const kernels::Conv2dGeometry& g, const Tensor& src, const Tensor& weights) {
    std::vector<float> dst(static_cast<std::size_t>(g.n * g.oh() * g.ow() * g.oc));
    kernels::conv2d_forward_reference<float>(g, src.data<float>(), weights.data<float>(), nullptr, dst.data());
    return dst;
}

/// Two sums of at most 45 products of magnitude 0.5, each off by 45 * 2^-24 times 45 * 0.5 at most: 1.3e-4.
void check_ulps(const std::vector<float>& got, const std::vector<float>& wanted) {
    REQUIRE(got.size() == wanted.size());
    double most = 0;
    for (std::size_t i = 0; i < got.size(); ++i) most = std::max(most, std::abs(double{got[i]} - wanted[i]));
    CHECK(most < 1.3e-4);
}

ConvWindow uneven_window() {
    ConvWindow window;
    window.stride_h = 2;
    window.top = 1;
    window.bottom = 2;
    window.left = 0;
    window.right = 3;
    window.dilation_w = 2;
    return window;
}

/// src -> 3x3 convolution with an uneven window -> 1x1 convolution with an activation.
Graph uneven_network(const Activation& activation) {
    Builder builder(9, 8, 5);
    const Value first = builder.conv("first", builder.src(), drawn({4, 5, 3, 3}, 1), {}, uneven_window());
    const Value second = builder.conv("second", first, drawn({6, 4, 1, 1}, 2), drawn({6}, 3), {});
    return builder.finish(builder.activation("act", second, activation));
}

}  // namespace

TEST_CASE("A convolution pads each side and steps along each axis as its window says", "[activation]") {
    const Tensor src = random_images(2, 9, 5, 1), weights = drawn({4, 5, 3, 3}, 2);
    Builder builder(9, 9, 5);
    const Graph graph = builder.finish(builder.conv("conv", builder.src(), weights, {}, uneven_window()));
    kernels::Conv2dGeometry g{2, 5, 9, 9, 4, 3, 3};
    g.stride_h = 2;
    g.pad_h = 1;
    g.far_h = 1;
    g.far_w = 3;
    g.dilation_w = 2;
    CHECK(graph.map(graph.dst).h == 5);
    CHECK(graph.map(graph.dst).w == 8);
    check_ulps(run_graph(graph, src), convolved(g, src, weights));
    const Graph again = reread(graph);
    CHECK(again.nodes[0].as<Conv>()->window == uneven_window());
    CHECK(run_graph(again, src) == run_graph(graph, src));
}

TEST_CASE("A window that is even is its options, and one that is not says so", "[activation]") {
    const Conv2dOptions options{.stride = 2, .pad = 1, .dilation = 3, .groups = 4};
    const ConvWindow window = options;
    CHECK(window.even());
    CHECK(window.padded());
    CHECK(window.options().stride == 2);
    CHECK(window.options().groups == 4);
    for (int ConvWindow::*const side :
         {&ConvWindow::stride_w, &ConvWindow::left, &ConvWindow::bottom, &ConvWindow::right, &ConvWindow::dilation_w}) {
        ConvWindow other = window;
        other.*side += 1;
        CHECK_FALSE(other.even());
    }
    CHECK_FALSE(ConvWindow().padded());
}

TEST_CASE("An activation becomes part of the convolution before it, after its residual", "[activation]") {
    const Tensor src = random_images(2, 4, 3, 1), weights = drawn({3, 3, 1, 1}, 2);
    for (const Activation& activation : {kSilu, kRelu6, Activation{ActivationKind::leaky_relu, 0.25F}}) {
        Builder builder(4, 4, 3);
        const Value sum = builder.add("sum", builder.conv("c", builder.src(), weights, {}, {}), builder.src());
        const Graph graph = builder.finish(builder.activation("act", sum, activation));
        REQUIRE(graph.nodes.size() == 1);
        CHECK(graph.nodes[0].as<Conv>()->activation == activation);
        const Graph again = reread(graph);
        CHECK(again.nodes[0].as<Conv>()->activation == activation);
        CHECK(run_graph(again, src) == run_graph(graph, src));
        Builder plain(4, 4, 3);
        const Graph without =
            plain.finish(plain.add("sum", plain.conv("c", plain.src(), weights, {}, {}), plain.src()));
        for_each_isa([&] { CHECK(run_graph(graph, src) == activated(activation, run_graph(without, src))); });
    }
}

TEST_CASE("An activation that no convolution takes is an operator, which runs in place where it may", "[activation]") {
    const Tensor src = random_images(2, 4, 3, 1), weights = drawn({3, 3, 1, 1}, 2);
    Builder builder(4, 4, 3);
    const Value first = builder.activation("first", builder.src(), kSilu);  // may not overwrite the images
    const Value second = builder.activation("second", first, {ActivationKind::tanh});
    const Value conv = builder.conv("conv", second, weights, {}, {});
    const Graph graph = builder.finish(builder.activation("last", builder.relu(conv), kRelu6));
    REQUIRE(graph.nodes.size() == 4);
    CHECK(graph.nodes[0].dst.buffer != graph.nodes[0].src.buffer);
    CHECK(graph.nodes[1].dst == graph.nodes[1].src);
    CHECK(graph.nodes[2].as<Conv>()->relu);
    CHECK(graph.nodes[3].dst == graph.dst);
    const Graph again = reread(graph);
    CHECK(run_graph(again, src) == run_graph(graph, src));

    Builder plain(4, 4, 3);
    const Graph without = plain.finish(plain.conv("conv", plain.src(), weights, {}, {}));
    std::vector<float> x{src.values<float>().begin(), src.values<float>().end()};
    x = activated({ActivationKind::tanh}, activated(kSilu, x));
    const Tensor read = Tensor::from<float>(x, src.dims());
    CHECK(run_graph(graph, src) == activated(kRelu6, activated({ActivationKind::relu}, run_graph(without, read))));
}

TEST_CASE("An activation does not overwrite what another operator still reads", "[activation]") {
    const Tensor src = random_images(2, 4, 3, 1), weights = drawn({3, 3, 1, 1}, 2);
    Builder builder(4, 4, 3);
    const Value conv = builder.activation("a", builder.conv("c", builder.src(), weights, {}, {}), kSilu);
    const Value act = builder.activation("act", conv, {ActivationKind::exp});
    const Graph graph = builder.finish(builder.add("sum", conv, act));
    REQUIRE(graph.nodes.size() == 3);
    CHECK(graph.nodes[1].dst.buffer != graph.nodes[1].src.buffer);
    Builder plain(4, 4, 3);
    std::vector<float> x =
        activated(kSilu, run_graph(plain.finish(plain.conv("c", plain.src(), weights, {}, {})), src));
    std::vector<float> sum = activated({ActivationKind::exp}, x);
    for (std::size_t i = 0; i < x.size(); ++i) sum[i] = x[i] + sum[i];
    CHECK(run_graph(graph, src) == sum);
}

TEST_CASE("A clip with infinite bounds is what is left of it", "[activation]") {
    constexpr float kInfinity = std::numeric_limits<float>::infinity(), kMost = std::numeric_limits<float>::max();
    const auto made = [](float low, float high) {
        Builder builder(2, 2, 3);
        const Value conv = builder.conv("c", builder.src(), drawn({3, 3, 1, 1}, 1), {}, {});
        return builder.finish(builder.activation("clip", conv, {ActivationKind::clip, low, high}));
    };
    CHECK_FALSE(made(-kInfinity, kInfinity).nodes[0].as<Conv>()->activation);
    CHECK(made(0, kInfinity).nodes[0].as<Conv>()->relu);
    CHECK(made(1, kInfinity).nodes[0].as<Conv>()->activation == Activation{ActivationKind::clip, 1, kMost});
    CHECK(made(-kInfinity, 6).nodes[0].as<Conv>()->activation == Activation{ActivationKind::clip, -kMost, 6});
    CHECK_THROWS_WITH(made(2, 1), contains("c: wanted a clip whose bounds are in order"));
}

TEST_CASE("What a graph holds of activations is checked", "[activation]") {
    const auto refused = [](auto change, const std::string& why) {
        Graph graph = uneven_network(kSilu);
        change(*graph.nodes[1].as<Conv>());
        CHECK_THROWS_WITH(check(graph), contains(why));
    };
    refused([](Conv& conv) { conv.relu = true; }, "second: wanted a ReLU or an activation, not both");
    refused([](Conv& conv) { conv.activation->alpha = std::numeric_limits<float>::quiet_NaN(); },
            "second: wanted finite numbers of the activation");
    refused([](Conv& conv) { conv.window.right = 1; }, "second: wanted a dst of the convolution's extents");
}

TEST_CASE("Quantization clips at the end of the codes, and leaves uneven windows and other activations in floats",
          "[activation]") {
    Builder builder(8, 8, 5);
    const Value uneven = builder.conv("uneven", builder.src(), drawn({4, 5, 3, 3}, 1), {}, uneven_window());
    const Value act = builder.activation("act", builder.conv("c", uneven, drawn({6, 4, 1, 1}, 2), {}, {}), kSilu);
    const Value clipped =
        builder.activation("clip", builder.conv("clipped", act, drawn({6, 6, 1, 1}, 3), drawn({6}, 5), {}),
                           {ActivationKind::clip, 0, 0.25F});
    const Value plain = builder.relu(builder.conv("plain", clipped, drawn({6, 6, 1, 1}, 3), {}, {}));
    const Value alone = builder.activation("alone", builder.max_pool("pool", plain, {2, 2}), kSilu);
    const Graph floats =
        builder.finish(builder.linear("fc", builder.adaptive_avg_pool(alone, 1, 1), drawn({3, 6}, 4), {}));
    const std::vector<Tensor> batches{random_images(8, 8, 5, 1), random_images(8, 8, 5, 2)};
    const Graph quantized = quantize(floats, batches, {.keep_below = 0}).graph;
    const auto op_of = [&](const std::string& name) {
        for (const Node& node : quantized.nodes)
            if (node.name == name) return std::string(node.op.name());
        return std::string();
    };
    CHECK(op_of("uneven") == "conv");
    CHECK(op_of("c") == "conv");
    CHECK(op_of("clipped") == "quant_conv");
    CHECK(op_of("plain") == "quant_conv");
    CHECK(op_of("alone") == "activation");
    CHECK(op_of("fc") == "quant_conv");
    const std::vector<float> wanted = run_graph(floats, batches[0]), got = run_graph(quantized, batches[0]);
    double size = 0, error = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        size += double{wanted[i]} * wanted[i];
        error += (double{wanted[i]} - got[i]) * (double{wanted[i]} - got[i]);
    }
    CHECK(error < 0.01 * size);  // eight bits keep a signal 20 dB above their noise and more
}
