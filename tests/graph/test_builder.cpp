// The builder, of tensors alone: what each call adds, what is folded, and that the result computes the engine's
// operators.
#include "graph/build/builder.h"

#include <algorithm>
#include <cmath>

#include "graph/build/graph_file.h"
#include "graph/ops/add.h"
#include "graph/ops/affine.h"
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

namespace {

Tensor values(const Dims& dims, std::uint64_t seed) { return uniform(dims, seed, -0.5, 0.5).to(DType::f32); }

std::vector<float> list_of(const Tensor& tensor) {
    const Tensor plain = tensor.contiguous();
    return {plain.values<float>().begin(), plain.values<float>().end()};
}

std::vector<float> run_built(const Graph& graph, const Tensor& images) {
    const Tensor dst = Tensor::empty({images.dim(0), graph.map(graph.dst).elements()});
    Runtime(graph, images.dim(0)).run(images.dim(0), images.data<float>(), dst.data<float>());
    return list_of(dst);
}

/// Sums of at most 75 products of magnitude 0.5, in any order: 75 * 0.5 * 75 * 2^-24 < 2e-4.
void check_near(const std::vector<float>& got, const std::vector<float>& wanted) {
    REQUIRE(got.size() == wanted.size());
    double most = 0;
    for (std::size_t i = 0; i < got.size(); ++i) most = std::max(most, std::abs(double{got[i]} - wanted[i]));
    CHECK(most < 2e-4);
}

}  // namespace

TEST_CASE("A convolution with and without a bias computes conv2d", "[builder]") {
    const Tensor src = random_images(2, 7, 3, 1), weights = values({4, 3, 5, 5}, 2), bias = values({4}, 3);
    const Conv2dOptions options{.stride = 2, .pad = 2};
    for (const Tensor& with : {bias, Tensor()}) {
        Builder builder(7, 7, 3);
        const Graph graph = builder.finish(builder.conv("conv", builder.src(), weights, with, options));
        REQUIRE(graph.nodes.size() == 1);
        CHECK(graph.nodes[0].name == "conv");
        check_near(run_built(graph, src), list_of(conv2d(src, weights, with, options)));
    }
    Builder builder(7, 7, 3);
    CHECK_THROWS_WITH(builder.conv("conv", builder.src(), weights, values({5}, 1), options),
                      contains("bias has 5 elements, weights expect 4"));
    CHECK_THROWS_AS(builder.finish(builder.conv("conv", builder.src(), values({4, 2, 3, 3}, 1), {}, {})), UsageError);
}

TEST_CASE("A linear layer reads its map in PyTorch's order", "[builder]") {
    const Tensor src = random_images(2, 3, 2, 1), weights = values({5, 18}, 2), bias = values({5}, 3);
    Builder builder(3, 3, 2);
    const Graph graph = builder.finish(builder.linear("fc", builder.src(), weights, bias));
    check_near(run_built(graph, src), list_of(linear(flatten(src), weights, bias)));
}

TEST_CASE("An affine folds into a convolution, goes into a prologue, or stays a node", "[builder]") {
    const Tensor src = random_images(2, 4, 3, 1), weights = values({3, 3, 1, 1}, 2);
    const std::vector<double> scale{0.5, -1, 2}, shift{0.25, 0, -0.5};
    const auto affine = [&](const Tensor& x) {
        Tensor y = x.contiguous().clone();
        for (std::size_t i = 0; i < y.values<float>().size(); ++i)
            y.values<float>()[i] = static_cast<float>(y.values<float>()[i] * scale[i % 3] + shift[i % 3]);
        return y;
    };
    Builder after(4, 4, 3);
    const Graph folded =
        after.finish(after.affine("a", after.conv("c", after.src(), weights, {}, {}), scale, shift, true));
    REQUIRE(folded.nodes.size() == 1);
    CHECK(folded.nodes[0].as<Conv>()->relu);
    check_near(run_built(folded, src), list_of(relu(affine(conv2d(src, weights, {})))));

    Builder before(4, 4, 3);
    const Graph read =
        before.finish(before.conv("c", before.affine("a", before.src(), scale, shift, true), weights, {}, {}));
    REQUIRE(read.nodes.size() == 1);
    CHECK(read.nodes[0].op.prologue() != nullptr);
    check_near(run_built(read, src), list_of(conv2d(relu(affine(src)), weights, {})));

    Builder alone(4, 4, 3);
    CHECK_THROWS_WITH(alone.affine("a", alone.src(), {1, 2}, {0, 0}, false), contains("wanted factors of 3 channels"));
    const Graph node = alone.finish(alone.affine("a", alone.src(), scale, shift, false));
    REQUIRE(node.nodes.size() == 1);
    CHECK(node.nodes[0].as<Affine>() != nullptr);
    check_near(run_built(node, src), list_of(affine(src)));
}

TEST_CASE("A sum becomes part of the convolution added last, whichever side it is", "[builder]") {
    const Tensor src = random_images(2, 4, 3, 1), weights = values({3, 3, 1, 1}, 2);
    for (const bool first : {true, false}) {
        Builder builder(4, 4, 3);
        const Value conv = builder.conv("c", builder.src(), weights, {}, {});
        const Value sum = first ? builder.add("sum", conv, builder.src()) : builder.add("sum", builder.src(), conv);
        const Graph graph = builder.finish(builder.relu(sum));
        CHECK(graph.nodes.size() == 1);
        check_near(run_built(graph, src), list_of(add_relu(conv2d(src, weights, {}), src)));
    }
}

TEST_CASE("A sum that no convolution makes is an operator of its own", "[builder]") {
    const Tensor src = random_images(2, 4, 3, 1);
    for (const bool with_relu : {false, true}) {
        Builder builder(4, 4, 3);
        const Value pooled = builder.max_pool("pool", builder.src(), {3, 1, 1});
        Value sum = builder.add("sum", builder.src(), pooled);
        if (with_relu) sum = builder.relu(sum);
        const Graph graph = builder.finish(sum);
        REQUIRE(graph.nodes.size() == 2);
        const auto* op = graph.nodes[1].as<Add>();
        REQUIRE(op != nullptr);
        CHECK(op->relu == with_relu);
        const Tensor other = max_pool(src, {3, 1, 1});
        for_each_isa(
            [&] { CHECK(run_built(graph, src) == list_of(with_relu ? add_relu(src, other) : add(src, other))); });

        const TemporaryFolder folder;
        save_graph(folder / "g", graph, {});
        CHECK(run_built(read_graph(load_checkpoint(folder / "g"), "g"), src) == run_built(graph, src));
    }
    Builder twice(4, 4, 3);
    const Value value = twice.conv("c", twice.src(), values({3, 3, 1, 1}, 2), {}, {});
    const Graph doubled = twice.finish(twice.add("sum", value, value));
    CHECK(doubled.nodes.size() == 2);
    check_near(run_built(doubled, src),
               list_of(add(conv2d(src, values({3, 3, 1, 1}, 2), {}), conv2d(src, values({3, 3, 1, 1}, 2), {}))));

    Graph lone = doubled;
    lone.nodes[1].as<Add>()->residual.reset();
    CHECK_THROWS_WITH(check(lone), contains("[graph] sum: wanted a residual"));
    Builder other(4, 4, 3);
    const Value narrow = other.max_pool("pool", other.src(), {2, 2, 0});
    CHECK_THROWS_WITH(other.finish(other.add("sum", other.src(), narrow)), contains("a residual of dst's extents"));
}

TEST_CASE("Pools compute the engine's, and a map too small for a window passes", "[builder]") {
    const Tensor src = random_images(2, 6, 3, 1);
    Builder max(6, 6, 3);
    CHECK(run_built(max.finish(max.max_pool("p", max.src(), {3, 2, 1})), src) == list_of(max_pool(src, {3, 2, 1})));
    Builder average(6, 6, 3);
    check_near(run_built(average.finish(average.avg_pool("p", average.src(), {2, 2, 0})), src),
               list_of(avg_pool(src, {2, 2, 0})));
    Builder adaptive(6, 6, 3);
    check_near(run_built(adaptive.finish(adaptive.adaptive_avg_pool(adaptive.src(), 4, 4)), src),
               list_of(adaptive_avg_pool(src, 4, 4)));
    Builder small(1, 1, 3);
    CHECK(small.max_pool("p", small.src(), {2, 2, 0}) == small.src());
    CHECK(small.adaptive_avg_pool(small.src(), 1, 1) == small.src());
}

TEST_CASE("A mean over windows is taken before a 1x1 convolution, not after it", "[builder]") {
    const Tensor src = random_images(2, 8, 4, 1), weights = values({6, 4, 1, 1}, 2), bias = values({6}, 3);
    const std::vector<double> scale{1.5, 0.5, 2, 1}, shift{0.1, -0.2, 0, 0.3};
    Builder builder(8, 8, 4);
    const Value normal = builder.affine("norm", builder.src(), scale, shift, true);
    const Value value = builder.conv("conv", normal, weights, bias, Conv2dOptions{});
    const Graph graph = builder.finish(builder.avg_pool("pool", value, {2, 2, 0}));
    REQUIRE(graph.nodes.size() == 2);
    CHECK(graph.nodes[0].name == "pool");
    CHECK(graph.nodes[0].op.prologue() != nullptr);
    CHECK(graph.nodes[1].name == "conv");
    CHECK(graph.nodes[1].op.prologue() == nullptr);
    Tensor normalized = Tensor::empty(src.dims());
    for (std::int64_t i = 0; i < src.elements(); ++i) {
        const auto c = static_cast<std::size_t>(i % 4);
        normalized.data<float>()[i] = static_cast<float>(std::max(0.0, src.data<float>()[i] * scale[c] + shift[c]));
    }
    check_near(run_built(graph, src), list_of(avg_pool(conv2d(normalized, weights, bias, {}), {2, 2, 0})));
    Builder padded(8, 8, 4);  // whose zeros the convolution's bias is not added to
    const Value plain = padded.conv("conv", padded.src(), weights, bias, Conv2dOptions{});
    CHECK(padded.finish(padded.avg_pool("pool", plain, {2, 2, 1})).nodes[0].name == "conv");
}

TEST_CASE("Layers write slices of one wide buffer", "[builder]") {
    const Tensor src = random_images(2, 4, 3, 1), weights = values({5, 3, 1, 1}, 2), more = values({2, 5, 3, 3}, 3);
    Builder builder(4, 4, 3);
    CHECK_THROWS_WITH(builder.widen(builder.src(), 9), contains("wanted the whole of a buffer that a node made"));
    Value front = builder.relu(builder.conv("first", builder.src(), weights, {}, {}));
    builder.widen(front, 7);
    front.c += builder.conv("second", front, more, {}, {.pad = 1}, builder.room_behind(front, 2)).c;
    CHECK_THROWS_WITH(builder.room_behind(front, 1), contains("wanted 1 channels, there is room for 0"));
    const Graph graph = builder.finish(front);
    CHECK(graph.buffers.size() == 2);
    const std::vector<float> got = run_built(graph, src), head = list_of(relu(conv2d(src, weights, {})));
    for (std::size_t p = 0; p < 32; ++p)
        for (std::size_t c = 0; c < 5; ++c) CHECK(got[p * 7 + c] == Approx(head[p * 5 + c]).margin(2e-4));
}
