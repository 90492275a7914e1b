#include <algorithm>
#include <cmath>
#include <thread>

#include "engine/nn/layers.h"
#include "engine/ops.h"
#include "engine/optimizer.h"
#include "engine/rng_scope.h"
#include "kernels/profile.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

/// A convolution, its normalization, and a head of layers in order.
class SmallNet final : public nn::Module {
public:
    SmallNet()
        : conv(add<nn::Conv2d>("conv", 3, 16, 3, Conv2dOptions{1, 1}, true)),
          norm(add<nn::BatchNorm2d>("norm", 16, true)),
          pool(add<nn::MaxPool2d>("pool", PoolOptions{2, 2, 0})),
          head(add<nn::Sequential>("head")),
          drop(head.append<nn::Dropout>("0", 0.5)),
          fc(head.append<nn::Linear>("fc", 16, 4)) {}
    std::string describe() const override { return "Net"; }

protected:
    Tensor forward(const Tensor& src) override { return head(global_avg_pool(pool(norm(conv(src))))); }

public:
    nn::Conv2d& conv;
    nn::BatchNorm2d& norm;
    nn::MaxPool2d& pool;
    nn::Sequential& head;
    nn::Dropout& drop;
    nn::Linear& fc;
};

std::vector<std::string> names(const std::vector<NamedTensor>& tensors) {
    std::vector<std::string> result;
    for (const NamedTensor& tensor : tensors) result.push_back(tensor.name);
    return result;
}

Tensor named(const std::vector<NamedTensor>& tensors, const std::string& name) {
    return std::ranges::find(tensors, name, &NamedTensor::name)->tensor;
}

std::vector<double> doubles_of(const Tensor& tensor) {
    const Tensor plain = tensor.contiguous().to(DType::f64);
    return {plain.values<double>().begin(), plain.values<double>().end()};
}

Tensor images(const Dims& dims, std::uint64_t seed = 1) { return uniform(dims, seed).to(DType::f32); }

double mean_of(const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x;
    return sum / static_cast<double>(v.size());
}

double mean_square(const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x * x;
    return sum / static_cast<double>(v.size());
}

/// The layers in which work of this kind was done in this direction, in order.
std::vector<std::string> layers_of(const profile::Recording& recording, const std::string& kind, profile::Pass pass) {
    std::vector<std::string> layers;
    for (const profile::Record& record : recording.records)
        if (record.kind == kind && record.place.pass == pass)
            layers.push_back(recording.layers.at(static_cast<std::size_t>(record.place.layer)));
    return layers;
}

}  // namespace

TEST_CASE("parameters and buffers carry dotted names in the order of registration", "[nn]") {
    const SmallNet net;
    const std::vector<std::string> parameters{"conv.weight", "conv.bias",      "norm.weight",
                                              "norm.bias",   "head.fc.weight", "head.fc.bias"};
    const std::vector<std::string> buffers{"norm.running_mean", "norm.running_var"};
    CHECK(names(net.parameters()) == parameters);
    CHECK(names(net.buffers()) == buffers);
    std::vector<std::string> state = parameters;
    state.insert(state.end(), buffers.begin(), buffers.end());
    CHECK(names(net.state()) == state);
    for (const NamedTensor& p : net.parameters()) CHECK(p.tensor.requires_grad());
    for (const NamedTensor& b : net.buffers()) CHECK_FALSE(b.tensor.requires_grad());
    CHECK(named(net.parameters(), "conv.weight").dims() == Dims{16, 3, 3, 3});
    CHECK(named(net.parameters(), "head.fc.weight").dims() == Dims{4, 16});
    named(net.parameters(), "head.fc.bias").values<float>()[2] = 7;
    CHECK(net.fc.bias().values<float>()[2] == 7);  // a handle
}

TEST_CASE("for_each visits parents first, with names", "[nn]") {
    SmallNet net;
    std::vector<std::string> visited;
    net.for_each(
        [&](const std::string& name, nn::Module& module) { visited.push_back(name + ":" + module.describe()); });
    CHECK(visited == std::vector<std::string>{":Net", "conv:Conv2d 3x3", "norm:BatchNorm2d + ReLU",
                                              "pool:MaxPool2d 2x2/2", "head:Sequential", "head.0:Dropout",
                                              "head.fc:Linear"});
    CHECK(net.has_children());
    CHECK_FALSE(net.conv.has_children());
}

TEST_CASE("train and evaluation reach every module", "[nn]") {
    SmallNet net;
    for (const bool on : {false, true}) {
        net.train(on);
        net.for_each([&](const std::string&, nn::Module& module) { CHECK(module.training() == on); });
    }
}

TEST_CASE("evaluation neither drops nor moves statistics, training does both", "[nn]") {
    SmallNet net;
    nn::initialize(net, {}, 1);
    const Tensor src = images({2, 6, 6, 3});
    const Tensor mean = named(net.buffers(), "norm.running_mean");
    net.train(false);
    const auto first = doubles_of(net(src));
    CHECK(doubles_of(net(src)) == first);
    CHECK(doubles_of(mean) == std::vector<double>(16, 0));
    net.train();
    CHECK_THROWS_AS(net(src), UsageError);  // dropout draws, so it wants an RngScope
    const RngScope scope(1, 0, {0, 1});
    net(src);
    CHECK(doubles_of(mean) != std::vector<double>(16, 0));
}

TEST_CASE("a frozen BatchNorm2d keeps its statistics and normalizes with them", "[nn]") {
    nn::BatchNorm2d norm(3);
    const Tensor src = images({2, 4, 4, 3});
    for (const NamedTensor& p : norm.parameters()) p.tensor.set_requires_grad(false);
    REQUIRE(norm.training());
    const auto frozen = doubles_of(norm(src));
    CHECK(doubles_of(named(norm.buffers(), "running_mean")) == std::vector<double>(3, 0));
    CHECK(doubles_of(named(norm.buffers(), "running_var")) == std::vector<double>(3, 1));
    norm.train(false);
    CHECK(doubles_of(norm(src)) == frozen);
}

TEST_CASE("Conv2d adopts a layout at the first forward pass and computes what plain weights do", "[nn]") {
    for (const bool training : {true, false}) {
        nn::Conv2d conv(8, 24, 3, {2, 1}, true);
        nn::initialize(conv, {}, 3);
        conv.bias().assign(images({24}, 2));
        conv.train(training);
        const Tensor plain = conv.weight().clone(), src = images({2, 9, 9, 8});
        CHECK_FALSE(conv.weight().layout());
        const Tensor dst = conv(src);
        CHECK(conv.weight().layout());
        CHECK(doubles_of(conv.weight()) == doubles_of(plain));
        const Tensor wanted = conv2d(src.to(DType::f64), plain.to(DType::f64), conv.bias().to(DType::f64), {2, 1});
        REQUIRE(dst.dims() == wanted.dims());
        // k + 1 terms of magnitude w max |w|: off by at most (k + 2) u times their sum.
        const auto weights = doubles_of(plain), got = doubles_of(dst), truth = doubles_of(wanted);
        const double largest = std::abs(*std::ranges::max_element(weights, {}, [](double w) { return std::abs(w); }));
        for (std::size_t i = 0; i < truth.size(); ++i)
            REQUIRE(std::abs(got[i] - truth[i]) <= (72 + 2) * 0x1p-24 * (72 * largest + 1));
        const auto layout = conv.weight().layout();
        conv(images({1, 5, 5, 8}));
        CHECK(conv.weight().layout() == layout);  // and keeps it
        CHECK(conv.macs(src, dst) == 2 * 5 * 5 * 24 * 8 * 9);
    }
}

TEST_CASE("a Conv2d that cannot be is refused", "[nn]") {
    struct Shape {
        std::int64_t ic, oc;
        int kernel, groups;
    };
    const auto s = GENERATE(Shape{4, 4, 3, 0}, Shape{4, 4, 3, -1}, Shape{4, 6, 3, 4}, Shape{6, 4, 3, 4},
                            Shape{4, 4, 0, 1}, Shape{0, 4, 3, 1}, Shape{4, 0, 3, 1}, Shape{4, 4, -3, 1});
    CHECK_THROWS_AS(nn::Conv2d(s.ic, s.oc, s.kernel, {.groups = s.groups}), UsageError);
}

TEST_CASE("two threads may make the first forward pass", "[nn]") {
    for (std::uint64_t repeat = 0; repeat < 10; ++repeat) {
        SmallNet net;
        nn::initialize(net, {}, repeat);
        net.train(false);
        const Tensor src = images({1, 6, 6, 3});
        std::vector<double> results[2];
        const auto work = [&](std::size_t me) {
            const NoGrad no_grad;
            results[me] = doubles_of(net(src));
        };
        std::thread first(work, 0), second(work, 1);
        first.join();
        second.join();
        CHECK(results[0] == results[1]);
        CHECK(results[0].size() == 4);
    }
}

TEST_CASE("an observer is told of every call, children before parents", "[nn]") {
    SmallNet net;
    net.train(false);
    const Tensor src = images({1, 6, 6, 3});
    std::vector<std::string> calls;
    std::vector<Dims> dims;
    {
        const nn::ObserverScope scope([&](const nn::ModuleCall& call) {
            calls.push_back(call.module.describe());
            dims.push_back(call.dst.dims());
            if (calls.back() == "Linear") CHECK(call.module.macs(call.src, call.dst) == 16 * 4);
        });
        net(src);
        {
            int inner_calls = 0;
            const nn::ObserverScope inner([&](const nn::ModuleCall&) { ++inner_calls; });
            net.pool(images({1, 4, 4, 2}));
            CHECK(inner_calls == 1);
        }
    }
    net(src);  // nobody listens
    CHECK(calls == std::vector<std::string>{"Conv2d 3x3", "BatchNorm2d + ReLU", "MaxPool2d 2x2/2", "Dropout", "Linear",
                                            "Sequential", "Net"});
    REQUIRE(dims.size() == 7);
    CHECK(dims[0] == Dims{1, 6, 6, 16});
    CHECK(dims[2] == Dims{1, 3, 3, 16});
    CHECK(dims[6] == Dims{1, 4});
}

TEST_CASE("initialize draws with the variance asked for", "[nn]") {
    // A mean of N draws lies within 5 sigma / sqrt(N) of its expectation and a mean square within 5 sqrt(2 / N) of the
    // variance, relatively (normal; less for uniform draws), but for one case in a million.
    const auto check = [](const Tensor& tensor, double variance) {
        const auto v = doubles_of(tensor);
        const auto n = static_cast<double>(v.size());
        CHECK(std::abs(mean_of(v)) <= 5 * std::sqrt(variance / n));
        CHECK(std::abs(mean_square(v) / variance - 1) <= 5 * std::sqrt(2 / n));
    };
    for (const bool fan_out : {false, true}) {
        nn::Conv2d conv(32, 48, 3, {1, 1, 1, 2}, true);
        nn::initialize(conv, {fan_out}, 5);
        check(conv.weight(), 2.0 / ((fan_out ? 48 : 16) * 9));  // two groups: 16 input channels each
        CHECK(doubles_of(conv.bias()) == std::vector<double>(48, 0));
    }
    nn::Linear plain(100, 200), biased(100, 200), normal(100, 200);
    nn::initialize(plain, {}, 5);
    nn::initialize(biased, {false, 0, true}, 5);
    nn::initialize(normal, {false, 0.02}, 5);
    check(plain.weight(), 0.01 / 3);  // uniform in +-0.1
    for (const double w : doubles_of(plain.weight())) REQUIRE(std::abs(w) <= 0.1 * (1 + 0x1p-23));
    CHECK(doubles_of(plain.bias()) == std::vector<double>(200, 0));
    check(biased.bias(), 0.01 / 3);
    check(normal.weight(), 0.0004);
}

TEST_CASE("initialize depends on the seed alone", "[nn]") {
    const auto weights = [](std::uint64_t seed) {
        SmallNet net;
        nn::initialize(net, {}, seed);
        std::vector<double> all;
        for (const NamedTensor& p : net.parameters())
            for (const double value : doubles_of(p.tensor)) all.push_back(value);
        return all;
    };
    CHECK(weights(1) == weights(1));
    CHECK(weights(1) != weights(2));
    nn::Sequential two;
    two.append<nn::Linear>("a", 5, 5);
    two.append<nn::Linear>("b", 5, 5);
    nn::initialize(two, {}, 1);
    CHECK(doubles_of(named(two.parameters(), "a.weight")) != doubles_of(named(two.parameters(), "b.weight")));
}

TEST_CASE("pooling layers pass maps that are too small for their window", "[nn]") {
    nn::MaxPool2d max_layer({3, 2, 0});
    nn::AvgPool2d avg_layer({3, 2, 0});
    nn::MaxPool2d padded({3, 2, 1});
    for (nn::Module* layer : {static_cast<nn::Module*>(&max_layer), static_cast<nn::Module*>(&avg_layer)}) {
        const Tensor small = images({1, 2, 5, 3});
        CHECK((*layer)(small).same_memory(small));
        CHECK((*layer)(images({1, 5, 2, 3})).dims() == Dims{1, 5, 2, 3});
        CHECK((*layer)(images({1, 3, 5, 3})).dims() == Dims{1, 1, 2, 3});
    }
    CHECK(padded(images({1, 1, 1, 3})).dims() == Dims{1, 1, 1, 3});
}

TEST_CASE("a network of layers trains: the loss falls along its gradient", "[nn]") {
    SmallNet net;
    nn::initialize(net, {}, 2);
    const Tensor src = images({4, 6, 6, 3});
    const Tensor labels = Tensor::from<std::int32_t>({0, 1, 2, 3}, {4});
    const auto loss = [&] {
        const RngScope scope(1, 0, {0, 1, 2, 3});
        return cross_entropy(net(src), labels);
    };
    const Tensor before = loss();
    backward(before);
    double squares = 0;
    for (const NamedTensor& p : net.parameters()) {
        REQUIRE(p.tensor.grad().defined());
        CHECK(p.tensor.grad().dims() == p.tensor.dims());
        CHECK(kernels::same_layout(p.tensor.grad().layout(), p.tensor.layout()));
        squares += mean_square(doubles_of(p.tensor.grad())) * static_cast<double>(p.tensor.elements());
    }
    // A step of 10^-3 / |g| along -g changes the loss by -10^-3 |g|, up to curvature: it falls.
    const auto step = static_cast<float>(1e-3 / std::sqrt(squares));
    for (const NamedTensor& p : net.parameters())
        for (std::int64_t i = 0; i < p.tensor.storage_elements(); ++i)
            p.tensor.data<float>()[i] -= step * p.tensor.grad().data<float>()[i];
    CHECK(loss().item() < before.item());
}

TEST_CASE("a layer's backward pass is recorded for the layer", "[profile]") {
    nn::Sequential model;
    auto& block = model.append<nn::Sequential>("block");
    block.append<nn::Conv2d>("conv1", 3, 4, 1);
    block.append<nn::BatchNorm2d>("norm1", 4);
    block.append<nn::Conv2d>("conv2", 4, 2, 1);
    Optimizer optimizer({{"all", model.parameters()}}, {});
    const Tensor labels = Tensor::zeros({2}, DType::s32);

    profile::start();
    backward(cross_entropy(global_avg_pool(model(Tensor::full({2, 5, 5, 3}, 1))), labels));
    optimizer.step(0.1);
    const profile::Recording recording = profile::stop();

    const auto forward = profile::Pass::forward, backward = profile::Pass::backward;
    CHECK(layers_of(recording, "conv2d_forward 1x1", forward) ==
          std::vector<std::string>{"block.conv1", "block.conv2"});
    CHECK(layers_of(recording, "conv2d_backward_weights 1x1", backward) ==
          std::vector<std::string>{"block.conv2", "block.conv1"});
    CHECK(layers_of(recording, "conv2d_backward_data 1x1", backward) ==
          std::vector<std::string>{"block.conv2"});  // the images want no gradient
    CHECK(layers_of(recording, "batch_norm_backward", backward) == std::vector<std::string>{"block.norm1"});
    CHECK(layers_of(recording, "softmax_cross_entropy_backward", backward) == std::vector<std::string>{""});
    CHECK(layers_of(recording, "sgd_update", forward) == std::vector<std::string>(4, "optimizer"));
    CHECK(std::ranges::all_of(recording.records, [](const profile::Record& r) { return r.thread == 0; }));
}
