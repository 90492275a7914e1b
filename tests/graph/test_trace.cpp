// Models as graphs: what is folded and fused, and what is refused.
#include "graph/build/trace.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "models/registry.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::graph;
using keel::test::contains;

namespace {

Graph graph_of(const std::string& model, std::int64_t size = 224, const ModelOptions& options = {.classes = 10}) {
    return trace(*find_model(model).make(options), size, size, options.channels);
}

struct Counts {
    int convs = 0, relus = 0, residuals = 0, normalized = 0, pools = 0, normalized_pools = 0, affines = 0;
    bool operator==(const Counts&) const = default;
};

Counts count(const Graph& graph) {
    Counts counts;
    for (const Node& node : graph.nodes) {
        if (const auto* conv = node.as<Conv>()) {
            ++counts.convs;
            counts.relus += conv->relu;
            counts.residuals += conv->residual.has_value();
            counts.normalized += conv->prologue.has_value();
        } else if (const auto* pool = node.as<Pool>()) {
            ++counts.pools;
            counts.normalized_pools += pool->prologue.has_value();
        } else {
            ++counts.affines;
        }
    }
    return counts;
}

/// A model of one or two layers, connected as a test likes.
class Sketch final : public nn::Module, public Traceable {
public:
    explicit Sketch(std::function<Value(Sketch&, Tracer&, Value)> connect) : connect_(std::move(connect)) {}
    std::string describe() const override { return "Sketch"; }
    Value trace(Tracer& g, Value src) const override { return connect_(const_cast<Sketch&>(*this), g, src); }

    nn::Conv2d& conv1 = add<nn::Conv2d>("conv1", 4, 4, 1);
    nn::Conv2d& conv2 = add<nn::Conv2d>("conv2", 4, 4, 3, Conv2dOptions{.pad = 1}, true);
    nn::BatchNorm2d& norm = add<nn::BatchNorm2d>("norm", 4, true);

protected:
    Tensor forward(const Tensor& src) override { return src; }

private:
    std::function<Value(Sketch&, Tracer&, Value)> connect_;
};

Graph sketched(std::function<Value(Sketch&, Tracer&, Value)> connect) {
    Sketch sketch(std::move(connect));
    return trace(sketch, 6, 5, 4);
}

}  // namespace

TEST_CASE("A ResNet becomes convolutions and two pools", "[graph]") {
    // Of each block's last convolution the ReLU comes after the sum; the four projections and the classifier have none.
    CHECK(count(graph_of("resnet50")) == Counts{.convs = 54, .relus = 49, .residuals = 16, .pools = 2});
    CHECK(count(graph_of("resnet18")) == Counts{.convs = 21, .relus = 17, .residuals = 8, .pools = 2});
    CHECK(count(graph_of("resnet18", 32, {.small_stem = true})) ==
          Counts{.convs = 21, .relus = 17, .residuals = 8, .pools = 1});
}

TEST_CASE("A residual is overwritten by the sum", "[graph]") {
    const Graph graph = graph_of("resnet50");
    for (const Node& node : graph.nodes)
        if (const auto* conv = node.as<Conv>(); conv != nullptr && conv->residual) CHECK(*conv->residual == node.dst);
    check_structure(graph);
}

TEST_CASE("A DenseNet's layers read and write slices of one buffer a block", "[graph]") {
    const Graph graph = graph_of("densenet121");
    // Stem, two convolutions a layer, three transitions, classifier; every 1x1 and every pool but the stem's normalizes
    // first.
    CHECK(count(graph) == Counts{.convs = 121, .relus = 59, .normalized = 58, .pools = 5, .normalized_pools = 4});
    std::set<int> wide;
    for (const Node& node : graph.nodes)
        if (node.dst.c == 32) {
            wide.insert(node.dst.buffer);
            CHECK(node.dst.first + node.dst.c <= graph.map(node.dst).c);
        }
    std::vector<std::int64_t> widths;
    for (const int buffer : wide) widths.push_back(graph.buffers[static_cast<std::size_t>(buffer)].c);
    CHECK(widths == std::vector<std::int64_t>{256, 512, 1024, 1024});
}

TEST_CASE("VGG's linear layers are convolutions over the whole map", "[graph]") {
    for (const char* model : {"vgg16", "vgg16_bn"}) {
        const Graph graph = graph_of(model);
        CHECK(count(graph) == Counts{.convs = 16, .relus = 15, .pools = 5});
        CHECK(graph.nodes[18].as<Conv>()->weights.dims() == Dims{4096, 512, 7, 7});
    }
    CHECK(count(graph_of("vgg16", 96)) ==
          Counts{.convs = 16, .relus = 15, .pools = 6});  // 3x3 pixels are spread over 7x7
}

TEST_CASE("Nodes bear the names of their modules", "[graph]") {
    CHECK(graph_of("resnet50").nodes[2].name == "layer1.0.downsample.0");
    CHECK(graph_of("densenet121").nodes[2].name == "features.denseblock1.denselayer1.conv1");
}

TEST_CASE("A batch norm folds into the convolution before it", "[graph]") {
    Sketch sketch([](Sketch& s, Tracer& g, Value src) { return g.norm(s.norm, g.conv(s.conv2, src)); });
    const BatchNormParameters p = sketch.norm.norm();
    for (std::size_t i = 0; i < 4; ++i) {
        const auto x = static_cast<float>(i);
        p.gamma.values<float>()[i] = 1.25F - x;
        p.beta.values<float>()[i] = 0.3F * x;
        p.running_mean.values<float>()[i] = x - 0.7F;
        p.running_variance.values<float>()[i] = 0.1F + x;
        sketch.conv2.bias().values<float>()[i] = 0.9F - x;
    }
    const auto weights = sketch.conv2.weight().values<float>();
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = std::sin(static_cast<float>(i));
    const Graph graph = trace(sketch, 6, 5, 4);
    REQUIRE(graph.nodes.size() == 1);
    const auto& conv = *graph.nodes[0].as<Conv>();
    CHECK(conv.relu);
    for (std::size_t o = 0; o < 4; ++o) {
        const auto at = [&](const Tensor& tensor) { return double{tensor.values<float>()[o]}; };
        const double scale = at(p.gamma) / std::sqrt(at(p.running_variance) + 1e-5);
        // Everything is computed in double and rounded once.
        CHECK(conv.bias[o] == static_cast<float>((at(sketch.conv2.bias()) - at(p.running_mean)) * scale + at(p.beta)));
        for (std::size_t i = 36 * o; i < 36 * (o + 1); ++i)
            CHECK(conv.weights.values<float>()[i] == static_cast<float>(double{weights[i]} * scale));
    }
    CHECK(std::sin(1.0F) == weights[1]);  // the module keeps its own
}

TEST_CASE("What cannot be folded stays a node", "[graph]") {
    const Graph graph = sketched([](Sketch& s, Tracer& g, Value src) { return g.norm(s.norm, src); });
    CHECK(count(graph) == Counts{.affines = 1});
    const Graph relu = sketched([](Sketch&, Tracer& g, Value src) { return g.relu(src); });
    CHECK(count(relu) == Counts{.affines = 1});
    // A second batch norm behind a ReLU goes into the next convolution.
    const Graph chain = sketched([](Sketch& s, Tracer& g, Value src) {
        return g.conv(s.conv2, g.norm(s.norm, g.norm(s.norm, g.conv(s.conv1, src))));
    });
    CHECK(count(chain) == Counts{.convs = 2, .relus = 1, .normalized = 1});
}

TEST_CASE("A residual that is read later is kept", "[graph]") {
    const Graph graph = sketched([](Sketch& s, Tracer& g, Value src) {
        const Value kept = g.relu(g.conv(s.conv1, src));
        const Value sum = g.relu(g.add(g.conv(s.conv2, kept), kept));
        return g.conv(s.conv2, g.relu(g.add(g.conv(s.conv1, sum), kept)));
    });
    const auto& first = graph.nodes[1];
    CHECK(*first.as<Conv>()->residual != first.dst);
    const auto& second = graph.nodes[2];
    CHECK(*second.as<Conv>()->residual == second.dst);
    check(graph);
}

TEST_CASE("A convolution does not overwrite a residual that it reads as its src", "[graph]") {
    const Graph graph = sketched([](Sketch& s, Tracer& g, Value src) {
        const Value value = g.relu(g.conv(s.conv1, src));
        return g.conv(s.conv1, g.add(g.conv(s.conv2, value), value));
    });
    CHECK(graph.nodes[1].src != graph.nodes[1].dst);
    CHECK(graph.nodes[1].as<Conv>()->residual == graph.nodes[1].src);
}

TEST_CASE("A second reader of what became part of another operator is found out", "[graph]") {
    CHECK_THROWS_WITH(sketched([](Sketch& s, Tracer& g, Value src) {
                          const Value raw = g.conv(s.conv1, src);
                          return g.conv(s.conv2, g.add(g.conv(s.conv1, g.norm(s.norm, raw)), raw));
                      }),
                      contains("reads what no node before has written"));
    CHECK_THROWS_WITH(sketched([](Sketch& s, Tracer& g, Value src) {
                          const Value normalized = g.norm(s.norm, src);
                          return g.conv(s.conv2, g.add(g.conv(s.conv1, normalized), normalized));
                      }),
                      contains("reads what no node before has written"));
}

TEST_CASE("A graph that makes no sense is refused", "[graph]") {
    const auto refused = [](auto change) {
        Graph graph = graph_of("resnet18", 64);
        change(graph);
        CHECK_THROWS_AS(check(graph), UsageError);
    };
    const auto conv = [](Graph& graph, std::size_t i) -> Conv& { return *graph.nodes[i].as<Conv>(); };
    check(graph_of("resnet18", 64));
    refused([](Graph& g) { g.nodes[3].src.buffer = 99; });
    refused([](Graph& g) { g.nodes[3].src.c += 1; });
    refused([](Graph& g) { g.nodes[3].dst.first = -1; });
    refused([](Graph& g) { g.nodes[2].dst = g.nodes[2].src; });
    refused([](Graph& g) { g.nodes[0].dst = g.src; });
    refused([](Graph& g) { std::swap(g.nodes[2], g.nodes[3]); });
    refused([](Graph& g) { g.buffers[1].h -= 1; });
    refused([](Graph& g) { g.nodes.pop_back(); });
    refused([&](Graph& g) { conv(g, 2).bias.pop_back(); });
    refused([&](Graph& g) { conv(g, 2).window.stride_h = 2; });
    refused([&](Graph& g) { conv(g, 2).prologue = Prologue{{1, 1}, {0, 0}}; });
    refused([&](Graph& g) { conv(g, 3).residual = g.nodes[0].dst; });
    refused([&](Graph& g) { conv(g, 2).weights = Tensor::zeros({64, 32, 3, 3}); });
}

TEST_CASE("Images that do not fit and modules without a graph are refused", "[graph]") {
    CHECK_THROWS_AS(trace(*find_model("resnet18").make({}), 32, 32, 1), UsageError);
    CHECK_THROWS_AS(trace(*find_model("densenet121").make({}), 0, 32, 3), UsageError);
    struct Other final : nn::Module {
        std::string describe() const override { return "Other"; }
        Tensor forward(const Tensor& src) override { return src; }
    } other;
    CHECK_THROWS_WITH(trace(other, 8, 8, 3), contains("no graph of a Other"));
}
