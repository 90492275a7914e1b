// The worked example of docs/adding_a_model.md: a model that is in no registry, trained a step, run as a graph and as
// int8.
#include "engine/gradients.h"
#include "engine/optimizer.h"
#include "graph/build/trace.h"
#include "graph/quantize/quantize.h"
#include "graph/runtime.h"
#include "models/families.h"
#include "models/random_training.h"
#include "tests/support/catch.h"
#include "tests/support/quoted_code.h"

namespace keel {
namespace {

/// Two convolutions of 3x3 with a residual sum, the mean of each channel, a linear layer.
class PlainNet final : public nn::Module, public graph::Traceable {
public:
    PlainNet(std::int64_t width, const ModelOptions& o)
        : conv1_(add<nn::Conv2d>("conv1", o.channels, width, 3, Conv2dOptions{.stride = 2, .pad = 1})),
          bn1_(add<nn::BatchNorm2d>("bn1", width, true)),
          conv2_(add<nn::Conv2d>("conv2", width, width, 3, Conv2dOptions{.pad = 1})),
          bn2_(add<nn::BatchNorm2d>("bn2", width)),
          fc_(add<nn::Linear>("fc", width, o.classes)) {}
    std::string describe() const override { return "PlainNet"; }
    graph::Value trace(graph::Tracer& g, graph::Value src) const override {
        const graph::Value inner = g.norm(bn1_, g.conv(conv1_, src));
        const graph::Value sum = g.relu(g.add(g.norm(bn2_, g.conv(conv2_, inner)), inner));
        return g.linear(fc_, g.adaptive_avg_pool(sum, 1, 1));
    }

protected:
    Tensor forward(const Tensor& src) override {
        const Tensor inner = bn1_(conv1_(src));
        return fc_(global_avg_pool(bn2_.join(conv2_(inner), inner)));
    }

private:
    nn::Conv2d& conv1_;
    nn::BatchNorm2d& bn1_;
    nn::Conv2d& conv2_;
    nn::BatchNorm2d& bn2_;
    nn::Linear& fc_;
};

template <int kWidth>
std::unique_ptr<nn::Module> make(const ModelOptions& options) {
    return std::make_unique<PlainNet>(kWidth, options);
}

constexpr nn::Initialization kInitialization{.fan_out = true, .linear_bias = true};
constexpr ModelEntry kModels[] = {
    {"plainnet16", "fc.", "bn2", true, make<16>, kInitialization},
    {"plainnet32", "fc.", "bn2", true, make<32>, kInitialization},
};

}  // namespace

std::span<const ModelEntry> plainnet_models() { return kModels; }

}  // namespace keel

using namespace keel;
using namespace keel::test;

namespace {

std::vector<float> values_of(const Tensor& tensor) {
    const Tensor plain = tensor.contiguous();
    return {plain.values<float>().begin(), plain.values<float>().end()};
}

std::vector<float> run(const graph::Graph& graph, const Tensor& images) {
    const Tensor dst = Tensor::empty({images.dim(0), graph.dst.c});
    Runtime(graph, images.dim(0)).run(images.dim(0), images.data<float>(), dst.data<float>());
    return values_of(dst);
}

}  // namespace

TEST_CASE("The guide's model learns, and its graph computes what its modules do", "[adding_a_model]") {
    for (const ModelEntry& entry : plainnet_models()) {
        INFO(entry.name);
        const auto model = entry.make({.classes = 3});
        nn::initialize(*model, entry.initialization, 1);
        const Tensor images = random_images(4, 12, 3, 1), labels = Tensor::from<std::int32_t>({0, 1, 2, 1}, {4});
        Optimizer optimizer({{"all", model->parameters()}}, {.kind = OptimizerKind::sgd, .momentum = 0.9});
        double first = 0, last = 0;
        for (int step = 0; step < 10; ++step) {
            const Tensor loss = cross_entropy((*model)(images), labels);
            last = loss.values<float>()[0];
            if (step == 0) first = last;
            backward(loss);
            optimizer.step(0.01);
            optimizer.zero_grad();
        }
        CHECK(last < 0.9 * first);

        model->train(false);
        const NoGrad no_grad;
        const std::vector<float> truth = values_of((*model)(images));
        const graph::Graph graph = graph::trace(*model, 12, 12, 3);
        CHECK(graph.nodes.size() == 4);  // two convolutions, a pool, a linear layer
        const std::vector<float> got = run(graph, images);
        for (std::size_t i = 0; i < truth.size(); ++i) CHECK(got[i] == Approx(truth[i]).margin(1e-4));

        const std::vector<Tensor> batches{images, random_images(4, 12, 3, 2)};
        CHECK(quantize(graph, batches, {.method = RangeMethod::minmax}).report.logits_error < 0.05);
    }
}

TEST_CASE("The registry lists each family's models under names of their own", "[adding_a_model]") {
    std::size_t count = 0;
    for (const auto family : kModelFamilies) count += family().size();
    REQUIRE(count == model_registry().size());
    for (const ModelEntry& entry : model_registry()) CHECK(&find_model(entry.name) == &entry);
}

TEST_CASE("The guide to adding a model quotes code that is compiled", "[adding_a_model]") {
    CHECK(missing_from("docs/adding_a_model.md", "tests/models/test_adding_a_model.cpp").empty());
    CHECK(missing_from("docs/adding_a_model.md", "tests/models/test_weights.cpp").size() > 10);
}
