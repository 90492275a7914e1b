// Graphs that run in bf16: which maps become it, and how far results are from those of f32. What an operator makes on
// such maps is tested with the operator (ops/one_op.h).
#include "graph/bf16_maps.h"

#include "graph/build/builder.h"
#include "tests/graph/quantized_network.h"
#include "tests/support/bf16_graphs.h"
#include "tests/support/contains.h"
#include "tests/support/gradcheck.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::graph;
using namespace keel::test;

namespace {

Tensor drawn_weights(const Dims& dims, std::uint64_t seed) { return uniform(dims, seed, -0.5, 0.5).to(DType::f32); }

/// Images, a convolution of three channels, a pool, one of 32 to 32 whose sum with its source goes on, one of 32 to 64,
/// a mean, a linear layer and a sigmoid.
Graph small_graph() {
    Builder b(12, 12, 3);
    const Value first = b.relu(b.conv("first", b.src(), drawn_weights({32, 3, 3, 3}, 1), {}, {.pad = 1}));
    const Value pooled = b.max_pool("pool", first, {.kernel = 2, .stride = 2});
    const Value middle = b.conv("middle", pooled, drawn_weights({32, 32, 3, 3}, 2), {}, {.pad = 1});
    const Value sum = b.relu(b.add("sum", middle, pooled));
    const Value last = b.relu(b.conv("last", sum, drawn_weights({64, 32, 1, 1}, 3), {}, {}));
    const Value mean = b.adaptive_avg_pool(last, 1, 1);
    const Value logits = b.linear("classifier", mean, drawn_weights({5, 64}, 4), drawn_weights({5}, 5));
    return b.finish(b.activation("sigmoid", logits, {kernels::ActivationKind::sigmoid}));
}

/// The maps that nodes write, by their names, and whether they are of bf16.
std::vector<std::pair<std::string, bool>> written(const Graph& graph) {
    std::vector<std::pair<std::string, bool>> all;
    for (const Node& node : graph.nodes) all.emplace_back(node.name, graph.map(node.dst).halves);
    return all;
}

std::vector<float> run_on_images(const Runtime& runtime, const Tensor& images) {
    const std::int64_t n = images.dim(0);
    std::vector<float> dst(static_cast<std::size_t>(n * runtime.graph().map(runtime.graph().dst).elements()));
    runtime.run(n, images.data<float>(), dst.data());
    return dst;
}

/// Image i of several.
Tensor image_of(const Tensor& images, std::int64_t i) {
    const std::int64_t each = images.elements() / images.dim(0);
    return Tensor::from<float>(
        images.values<float>().subspan(static_cast<std::size_t>(i * each), static_cast<std::size_t>(each)),
        {1, images.dim(1), images.dim(2), images.dim(3)});
}

}  // namespace

TEST_CASE("Maps between the first and the last product are of bf16, the first and last layers compute in f32",
          "[bf16_maps]") {
    for_each_isa([] {
        const Runtime floats(small_graph(), 2), halves(small_graph(), 2, Precision::bf16);
        CHECK(floats.precision() == Precision::f32);
        CHECK(floats.in_f32().empty());
        CHECK(halves.precision() == Precision::bf16);
        CHECK(halves.refusal().empty());
        CHECK(halves.in_f32() == std::vector<std::string>{"first", floats.graph().nodes[4].name, "classifier"});
        for (const auto& [name, is_half] : written(halves.graph())) {
            CAPTURE(name);
            CHECK(is_half == (name == "first" || name == "pool" || name == "middle" || name == "last"));
        }
        // the result of the first layer and the pool's are alive at once: of f32 4 bytes an element, else 2
        CHECK(floats.activations() == 2 * halves.activations());
    });
}

TEST_CASE("Graphs of bf16 compute what graphs of f32 do, each image by itself", "[bf16_maps]") {
    const Tensor images = random_images(3, 12, 3, 1);
    for_each_isa([&] {
        for (const std::int64_t batch : {1, 3}) {
            const Runtime floats(small_graph(), batch), halves(small_graph(), batch, Precision::bf16);
            const std::vector<float> wanted = run_on_images(floats, images), got = run_on_images(halves, images);
            CHECK(relative_difference(got, wanted) < tolerance_of(floats.graph()));
            CHECK(got != wanted);  // bf16 did run
            std::vector<float> one_by_one;
            for (std::int64_t i = 0; i < 3; ++i)
                for (const float value : run_on_images(halves, image_of(images, i))) one_by_one.push_back(value);
            CHECK(one_by_one == got);
        }
    });
}

TEST_CASE("Trained models predict in bf16 what they predict in f32", "[bf16_maps]") {
    const auto name = GENERATE(as<std::string>(), "resnet20", "densenet121");
    const bool small = name == "resnet20";
    const Network network(name, small ? 28 : 32, false);
    const Tensor images = random_images(3, network.spec.image_size, 3, 7);
    const Predictor floats(network.spec, network.graph, 3), halves(network.spec, network.graph, 3, Precision::bf16);
    REQUIRE(halves.runtime().precision() == Precision::bf16);
    const Tensor wanted = floats.logits(images), got = halves.logits(images);
    CHECK(relative_difference(got.values<float>(), wanted.values<float>()) < tolerance_of(network.graph));
    CHECK(static_cast<double>(halves.runtime().activations()) <
          0.62 * static_cast<double>(floats.runtime().activations()));
    const std::vector<std::string> in_f32 = halves.runtime().in_f32();
    CHECK(in_f32.size() < network.graph.nodes.size() / 2);
}

TEST_CASE("A graph that gains nothing by bf16 stays f32 and says why", "[bf16_maps]") {
    const Network network("resnet20", 28);
    const Runtime quantized(network.quantized().graph, 1, Precision::bf16);
    CHECK(quantized.precision() == Precision::f32);
    CHECK_THAT(quantized.refusal(), contains("the model is quantized"));
    CHECK(quantized.in_f32().empty());

    Builder b(8, 8, 3);
    const Value one = b.conv("one", b.src(), drawn_weights({32, 3, 3, 3}, 1), {}, {});
    const Runtime two_layers(b.finish(b.conv("two", one, drawn_weights({32, 32, 3, 3}, 2), {}, {})), 1,
                             Precision::bf16);
    CHECK(two_layers.precision() == Precision::f32);
    CHECK_THAT(two_layers.refusal(), contains("no layer between the first and the last one"));
}
