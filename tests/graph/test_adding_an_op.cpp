// The worked example of docs/adding_an_op.md: an operator that is defined nowhere but here, from its gradient to an
// int8 model.
#include "engine/gradcheck.h"
#include "engine/ops.h"
#include "graph/build/builder.h"
#include "graph/build/graph_file.h"
#include "graph/check.h"
#include "graph/quantize/quantize.h"
#include "graph/run_memory.h"
#include "graph/runtime.h"
#include "kernels/parallel.h"
#include "models/random_training.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/gradcheck.h"
#include "tests/support/quoted_code.h"
#include "tests/support/temporary_folder.h"

namespace keel {

/// src where it is positive, else slope * src.
inline Tensor leaky_relu(const Tensor& any_src, float slope) {
    const Tensor src = any_src.contiguous(), dst = src.empty_like();
    dispatch_float("leaky_relu", src.dtype(), [&]<class T>(T) {
        const T* x = src.data<T>();
        T* y = dst.data<T>();
        for (std::int64_t i = 0; i < src.elements(); ++i) y[i] = x[i] > 0 ? x[i] : static_cast<T>(slope) * x[i];
    });
    return record(dst, {any_src}, [src = src.detach(), slope](const Tensor& any_diff_dst) {
        const Tensor diff_dst = any_diff_dst.contiguous(), diff_src = src.empty_like();
        dispatch_float("leaky_relu", src.dtype(), [&]<class T>(T) {
            const T *x = src.data<T>(), *dy = diff_dst.data<T>();
            T* dx = diff_src.data<T>();
            for (std::int64_t i = 0; i < src.elements(); ++i) dx[i] = x[i] > 0 ? dy[i] : static_cast<T>(slope) * dy[i];
        });
        return Gradients{diff_src};
    });
}

}  // namespace keel

namespace keel::graph {

/// src where it is positive, else slope * src.
struct LeakyRelu {
    static constexpr std::string_view kName = "leaky_relu";
    float slope = 0;

    void fields(Archive& archive) { archive.number("slope", slope); }
    void check(const NodeCheck& node) const {
        node.require_floats();
        node.require_same_extents();
    }
    void run(const Node& node, const RunMemory& memory) const {
        const kernels::ConstMap src = memory.from(node.src);
        const kernels::Map dst = memory.to(node.dst);
        parallel_for(memory.pixels(node.src), 256, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t p = begin; p < end; ++p)
                for (std::int64_t c = 0; c < node.src.c; ++c) {
                    const float x = src.floats()[p * src.ld + c];
                    dst.floats()[p * dst.ld + c] = x > 0 ? x : slope * x;
                }
        });
    }
};

}  // namespace keel::graph

using namespace keel;
using namespace keel::test;

namespace {

/// All operators, and the example's row.
std::vector<graph::OpKind> kinds() {
    std::vector<graph::OpKind> all(graph::op_kinds().begin(), graph::op_kinds().end());
    all.push_back(graph::op_kind<graph::LeakyRelu>());
    return all;
}

Tensor weights_of(const Dims& dims) { return uniform(dims, 7, -0.5, 0.5).to(DType::f32); }

/// conv, LeakyRelu, conv over the whole map, of images 6 x 6 x 3.
graph::Graph network() {
    graph::Builder builder(6, 6, 3);
    graph::Value value = builder.conv("first", builder.src(), weights_of({8, 3, 3, 3}), {}, {.pad = 1});
    value = builder.append("leaky", value, 6, 6, 8, graph::LeakyRelu{0.25F});
    return builder.finish(builder.linear("last", value, weights_of({4, 8 * 6 * 6}), {}));
}

std::vector<float> run(const graph::Graph& graph, const Tensor& images) {
    const Tensor dst = Tensor::empty({images.dim(0), graph.map(graph.dst).elements()});
    Runtime(graph, images.dim(0)).run(images.dim(0), images.data<float>(), dst.data<float>());
    return {dst.values<float>().begin(), dst.values<float>().end()};
}

}  // namespace

TEST_CASE("The guide's operator passes its gradient check", "[adding_an_op]") {
    const auto f = [](const std::vector<Tensor>& x) { return leaky_relu(x[0], 0.25F); };
    const gradcheck::Report report = gradcheck::check(f, {away_from_zero({2, 3, 3, 5}, 1)});
    INFO(report.text());
    CHECK(report.passed());
    check_operator("leaky_relu", f, {away_from_zero({2, 3, 3, 5}, 1)}, {1, 2});
}

TEST_CASE("The guide's operator runs in a graph as in the engine", "[adding_an_op]") {
    const Tensor src = random_images(2, 5, 3, 1);
    graph::Builder builder(5, 5, 3);
    const graph::Graph graph = builder.finish(builder.append("leaky", builder.src(), 5, 5, 3, graph::LeakyRelu{0.25F}));
    const Tensor truth = leaky_relu(src, 0.25F);
    CHECK(run(graph, src) == std::vector<float>(truth.values<float>().begin(), truth.values<float>().end()));

    graph::Graph narrow = graph;
    narrow.buffers[static_cast<std::size_t>(narrow.dst.buffer)].h = 4;
    CHECK_THROWS_WITH(check(narrow), contains("[graph] leaky: wanted a dst of src's extents"));
}

TEST_CASE("The guide's operator goes through a file, where its row is known", "[adding_an_op]") {
    const TemporaryFolder folder;
    const std::string path = folder / "graph.safetensors";
    save_graph(path, network(), {});
    const graph::Graph read = read_graph(load_checkpoint(path), path, kinds());
    CHECK(read.nodes[1].as<graph::LeakyRelu>()->slope == 0.25F);
    const Tensor images = random_images(2, 6, 3, 1);
    CHECK(run(read, images) == run(network(), images));
    CHECK_THROWS_WITH(read_graph(load_checkpoint(path), path), contains("an unknown operator"));
}

TEST_CASE("The guide's operator stays one of floats in an int8 model", "[adding_an_op]") {
    std::vector<Tensor> batches;
    for (std::uint64_t i = 1; i <= 2; ++i) batches.push_back(random_images(4, 6, 3, i));
    const Quantized quantized = quantize(network(), batches, {.method = RangeMethod::minmax});
    for (const LayerReport& layer : quantized.report.layers)
        CHECK((layer.arithmetic == Arithmetic::fp32) == (layer.name == "leaky"));
    CHECK(quantized.report.logits_error < 0.01);
}

TEST_CASE("The guide to adding an operator quotes code that is compiled", "[adding_an_op]") {
    CHECK(missing_from("docs/adding_an_op.md", "tests/graph/test_adding_an_op.cpp").empty());
    CHECK(missing_from("docs/adding_an_op.md", "tests/graph/test_graph.cpp").size() > 10);
}
