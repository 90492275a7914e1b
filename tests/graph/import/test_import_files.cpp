// Small networks of PyTorch, by both of its exporters, against what PyTorch computes in double
// (files/onnx/make_onnx.py).
#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/import/import.h"
#include "graph/onnx/file.h"
#include "graph/runtime.h"
#include "tests/graph/import/golden.h"
#include "tests/support/contains.h"

namespace keel {
namespace {

using namespace test;

void to_log_softmax(std::vector<float>& logits, std::size_t n) {
    const std::size_t classes = logits.size() / n;
    for (std::size_t i = 0; i < n; ++i) {
        double sum = 0;
        for (std::size_t c = 0; c < classes; ++c) sum += std::exp(double{logits[i * classes + c]});
        for (std::size_t c = 0; c < classes; ++c)
            logits[i * classes + c] = static_cast<float>(logits[i * classes + c] - std::log(sum));
    }
}

/// The largest difference as a part of the largest output.
double difference(const std::string& network, const std::string& exporter) {
    const TensorFile golden = read_safetensors(kNetworks / (network + ".safetensors"));
    const Tensor input = tensor_named(golden, "input"), output = tensor_named(golden, "output").to(DType::f64);
    const Dims d = input.dims();
    const graph::ImportedGraph imported =
        graph::import_graph(onnx::read_file(kNetworks / (network + "." + exporter + ".onnx")), d[2], d[3], d[1]);
    CHECK((imported.outputs == graph::Outputs::softmax) == (network == "head"));
    const Runtime runtime(imported.graph, d[0]);
    std::vector<float> got(static_cast<std::size_t>(output.elements()));
    REQUIRE(imported.graph.dst.c * d[0] == output.elements());
    runtime.run(d[0], channels_last(input).data(), got.data());
    if (network == "head") to_log_softmax(got, static_cast<std::size_t>(d[0]));  // which is left to the reader
    double largest = 0, apart = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double wanted = output.data<double>()[i], off = std::abs(wanted - got[i]);
        largest = std::max(largest, std::abs(wanted));
        apart = std::isnan(off) ? off : std::max(apart, off);
    }
    return apart / largest;
}

TEST_CASE("networks of both exporters of PyTorch compute what PyTorch computes", "[graph]") {
    const auto network = GENERATE(as<std::string>(), "plain", "mobile", "shuffle", "dense", "inception", "convnext",
                                  "resize", "norms", "activations", "pools", "lrn", "head");
    const auto exporter = GENERATE(as<std::string>(), "torch1", "torch2");
    CAPTURE(network, exporter);
    // a dozen layers of sums of a hundred terms: roundings of 2^-24 that add up like steps of a random walk
    CHECK(difference(network, exporter) < 4 * std::sqrt(12 * 100) * 0x1p-24);
}

/// A mean over rows and columns, then these nodes, each of which reads the one before.
onnx::Model model_of(const std::vector<onnx::Node>& end, bool pooled = true) {
    onnx::Model model;
    model.opsets[""] = 17;
    model.inputs = {{"input", onnx::ElementType::f32, {{{}, "n"}, {3, ""}, {4, ""}, {4, ""}}}};
    model.initializers["row"] = {onnx::ElementType::s64, {2}, {}, {0, -1}};
    std::string last = "input";
    std::vector<onnx::Node> nodes = end;
    if (pooled) nodes.insert(nodes.begin(), {"pool", "GlobalAveragePool", "", {}, {}, {}});
    for (onnx::Node& node : nodes) {
        node.inputs.insert(node.inputs.begin(), last);
        last = node.outputs.emplace_back(node.name + "_output");
        model.nodes.push_back(node);
    }
    model.outputs = {{last, onnx::ElementType::f32, {{{}, "n"}, {3, ""}}}};
    return model;
}

TEST_CASE("a softmax or sigmoid at the end of a model is left to who reads its result", "[graph]") {
    using graph::Outputs;
    const onnx::Node softmax{"softmax", "Softmax", "", {}, {}, {{"axis", std::int64_t{1}}}},
        sigmoid{"sigmoid", "Sigmoid", "", {}, {}, {}}, flatten{"flatten", "Flatten", "", {}, {}, {}},
        reshape{"reshape", "Reshape", "", {"row"}, {}, {}}, relu{"relu", "Relu", "", {}, {}, {}};
    const auto outputs = [](const std::vector<onnx::Node>& end) {
        return graph::import_graph(model_of(end), 4, 4, 3).outputs;
    };
    CHECK(outputs({flatten, softmax}) == Outputs::softmax);
    CHECK(outputs({softmax, reshape}) == Outputs::softmax);  // what only moves its numbers may come after it
    CHECK(outputs({flatten, sigmoid}) == Outputs::sigmoid);
    CHECK(outputs({flatten, softmax, relu}) == Outputs::logits);
    CHECK(outputs({flatten, relu}) == Outputs::logits);
    CHECK_THROWS_WITH(graph::import_graph(model_of({softmax}, false), 4, 4, 3),
                      test::contains("a softmax of {1, 3, 4, 4} for each image"));
    onnx::Model read_twice = model_of({flatten, softmax});
    read_twice.nodes.push_back({"sum", "Add", "", {"softmax_output", "softmax_output"}, {"sum_output"}, {}});
    read_twice.outputs[0].name = "sum_output";
    CHECK(graph::import_graph(read_twice, 4, 4, 3).outputs == Outputs::logits);
}

TEST_CASE("half of a shuffled map is copied once where it is joined with another", "[graph]") {
    onnx::Model model;
    model.opsets[""] = 17;
    model.inputs = {{"input", onnx::ElementType::f32, {{{}, "n"}, {4, ""}, {3, ""}, {5, ""}}}};
    const auto shape = [&](const std::string& name, std::vector<std::int64_t> dims) {
        model.initializers[name] = {onnx::ElementType::s64, {std::ssize(dims)}, {}, std::move(dims)};
    };
    shape("apart", {0, 2, 2, 3, 5});
    shape("whole", {0, 4, 3, 5});
    shape("halves", {2, 2});
    const std::vector<std::int64_t> turn{0, 2, 1, 3, 4};
    model.nodes = {{"apart", "Reshape", "", {"input", "apart"}, {"groups"}, {}},
                   {"turn", "Transpose", "", {"groups"}, {"turned"}, {{"perm", turn}}},
                   {"whole", "Reshape", "", {"turned", "whole"}, {"shuffled"}, {}},
                   {"split", "Split", "", {"shuffled", "halves"}, {"left", "right"}, {{"axis", std::int64_t{1}}}},
                   {"relu", "Relu", "", {"right"}, {"positive"}, {}},
                   {"join", "Concat", "", {"left", "positive"}, {"joined"}, {{"axis", std::int64_t{1}}}},
                   {"mean", "GlobalAveragePool", "", {"joined"}, {"pooled"}, {}},
                   {"flatten", "Flatten", "", {"pooled"}, {"output"}, {}}};
    model.outputs = {{"output", onnx::ElementType::f32, {{{}, "n"}, {4, ""}}}};
    const graph::Graph graph = graph::import_graph(std::move(model), 3, 5, 4).graph;
    const auto copies =
        std::ranges::count(graph.nodes, "rearrange", [](const graph::Node& node) { return node.op.name(); });
    CHECK(copies == 2);  // of what the ReLU reads, and of the other half
    std::vector<float> image(3 * 5 * 4), means(4);
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i % 4) - 1;
    Runtime(graph, 1).run(1, image.data(), means.data());
    CHECK(means == std::vector<float>{-1, 1, 0, 2});  // channels 0, 2, 1, 3
}

TEST_CASE("constants that are no numbers are refused by name", "[graph]") {
    const float infinite = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const auto refused = [](std::vector<float> bias) {
        onnx::Model model = model_of({{"flatten", "Flatten", "", {}, {}, {}}, {"add", "Add", "", {"bias"}, {}, {}}});
        model.initializers["bias"] = {onnx::ElementType::f32, {std::ssize(bias)}, std::move(bias), {}};
        CHECK_THROWS_WITH(graph::import_graph(std::move(model), 4, 4, 3),
                          test::contains("the constant bias holds NaN or infinity"));
    };
    refused({0, nan, 0});
    refused({0, 0, -infinite});
    refused({nan});
}

}  // namespace
}  // namespace keel
