// The Predictor against the module's own forward pass. test_golden.cpp holds it to PyTorch.
#include "embed/predictor.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "engine/autograd.h"
#include "engine/checkpoint.h"
#include "graph/build/trace.h"
#include "kernels/routing/choice.h"
#include "models/random_training.h"
#include "tests/models/golden/draws.h"
#include "tests/models/narrow.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

struct Model {
    Model(const std::string& name, std::int64_t image_size, const ModelOptions& options)
        : spec{.name = name, .options = options, .image_size = image_size}, module(find_model(name).make(options)) {
        for (const auto& [state, tensor] : module->state()) tensor.assign(golden::state_values(state, tensor.dims()));
        module->train(false);
    }
    Tensor images(std::int64_t n, std::uint64_t seed = 0) const {
        return random_images(n, spec.image_size, spec.options.channels, seed);
    }
    graph::Graph graph() const {
        return graph::trace(*module, spec.image_size, spec.image_size, spec.options.channels);
    }
    Tensor logits(const Tensor& images) const {
        const NoGrad no_grad;
        return (*module)(images);
    }

    ModelSpec spec;
    std::unique_ptr<nn::Module> module;
};

/// The difference relative to the largest logit.
double difference(const Tensor& a, const Tensor& b) {
    REQUIRE(a.dims() == b.dims());
    double worst = 0, scale = 0;
    for (std::size_t i = 0; i < a.values<float>().size(); ++i) {
        const double x{a.values<float>()[i]}, y{b.values<float>()[i]};
        worst = std::isnan(x - y) ? INFINITY : std::max(worst, std::abs(x - y));
        scale = std::max(scale, std::abs(y));
    }
    return scale > 0 ? worst / scale : worst;
}

/// Two ways to round the same sums. A sum of k products is off by about sqrt(k) roundoffs (its bound is k of them, but
/// their signs are random), as much again comes from rounded weights, and the errors of the layers add up in the same
/// way, so one result is off by the root of the sum of all k roundoffs, two by sqrt(2) as much; eight times that is
/// beyond chance.
double tolerance(const Model& model) {
    double products = 0;
    for (const graph::Node& node : model.graph().nodes)
        if (const auto* conv = node.as<graph::Conv>())
            products += static_cast<double>(conv->weights.elements() / node.dst.c);
    return 8 * std::sqrt(2 * products) * 0x1p-24;
}

void check_against_module(const Model& model, std::int64_t n, std::int64_t batch) {
    CAPTURE(model.spec.name, model.spec.image_size, model.spec.options.channels, model.spec.options.small_stem, n,
            batch);
    const Predictor predictor(model.spec, *model.module, batch);
    const Tensor images = model.images(n);
    CHECK(difference(predictor.logits(images), model.logits(images)) <= tolerance(model));
}

bool equal(const Tensor& a, const Tensor& b) {
    return a.dims() == b.dims() &&
           std::equal(a.values<float>().begin(), a.values<float>().end(), b.values<float>().begin());
}

}  // namespace

TEST_CASE("The predictor computes what the module does", "[predictor]") {
    check_against_module({"densenet121", 77, {.classes = 14}}, 2, 2);
    check_against_module({"densenet121", 32, {.classes = 5, .channels = 1, .small_stem = true}}, 3, 3);
    check_against_module({"densenet161", 33, {.classes = 3}}, 1, 1);
    check_against_module({"resnet18", 77, {.classes = 9, .channels = 1}}, 2, 2);
    check_against_module({"resnet18", 28, {.classes = 9, .small_stem = true}}, 3, 3);
    check_against_module({"resnet50", 77, {.classes = 14}}, 2, 2);
}

TEST_CASE("The predictor computes what VGG does", "[predictor]") {
    check_against_module({"vgg16", 32, {.classes = 10}}, 1, 1);
    check_against_module({"vgg16_bn", 77, narrow("vgg16_bn", {.classes = 10, .channels = 1})}, 2, 2);
}

TEST_CASE("A predictor takes any number of images, whatever it was tuned for", "[predictor]") {
    for (const char* name : {"densenet121", "resnet18"}) {
        const Model model(name, 32, {.classes = 14});
        const Tensor images = model.images(16), truth = model.logits(images);
        for (const auto& [batch, n] : {std::pair{1, 16}, {16, 16}, {16, 3}, {16, 1}, {1, 0}}) {
            CAPTURE(name, batch, n);
            const Predictor predictor(model.spec, *model.module, batch);
            const Dims dims{n, 32, 32, 3}, wanted{n, 14};
            const auto first = [&](const Tensor& tensor, const Dims& d) {
                return Tensor::from<float>(tensor.values<float>().first(static_cast<std::size_t>(d.elements())), d);
            };
            CHECK(difference(predictor.logits(first(images, dims)), first(truth, wanted)) <= tolerance(model));
        }
    }
}

TEST_CASE("The predictor computes what the module does under every ISA and for any number of threads", "[predictor]") {
    for_each_isa([] {
        check_against_module({"densenet121", 33, {.classes = 3}}, 1, 1);
        check_against_module({"resnet18", 33, {.classes = 3}}, 1, 1);
    });
    for (const int threads : {1, 3}) {
        const ThreadScope scope(threads);
        check_against_module({"resnet18", 33, {.classes = 3}}, 2, 2);
    }
}

TEST_CASE("The predictor computes what the module does on Keel's own convolutions and on oneDNN's", "[predictor]") {
    for (const bool own : {false, true})
        for (const char* name : {"densenet121", "resnet18"}) {
            const Model model(name, 64, {.classes = 3});
            const graph::Graph graph = model.graph();
            std::vector<kernels::ConvChoice> choices;
            for (const graph::Node& node : graph.nodes)
                if (const auto* conv = node.as<graph::Conv>())
                    choices.push_back({graph::conv_geometry(graph, node, conv->weights, conv->window, 2), own, 0, 0});
            kernels::start_tuning(choices, [](const kernels::ConvChoice&) { FAIL("a choice was not given"); });
            check_against_module(model, 2, 2);
            kernels::stop_tuning();
        }
}

TEST_CASE("Threads share a predictor", "[predictor]") {
    const Model model("resnet18", 33, {.classes = 14});
    const Predictor predictor(model.spec, *model.module);
    constexpr int kThreads = 4, kCalls = 5;
    std::vector<Tensor> alone, together(kThreads * kCalls);
    for (int i = 0; i < kThreads * kCalls; ++i)
        alone.push_back(predictor.logits(model.images(1 + i % 3, static_cast<std::uint64_t>(i))));
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
            for (int i = t * kCalls; i < (t + 1) * kCalls; ++i)
                together[static_cast<std::size_t>(i)] =
                    predictor.logits(model.images(1 + i % 3, static_cast<std::uint64_t>(i)));
        });
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < alone.size(); ++i) CHECK(equal(alone[i], together[i]));
}

TEST_CASE("A predictor keeps the weights it was made from", "[predictor]") {
    const Model model("resnet18", 33, {.classes = 3});
    const Predictor predictor(model.spec, *model.module);
    const Tensor images = model.images(1), before = predictor.logits(images);
    for (const NamedTensor& each : model.module->state()) each.tensor.assign(Tensor::zeros(each.tensor.dims()));
    CHECK(equal(predictor.logits(images), before));
}

TEST_CASE("A predictor reads images that are slices of wider ones", "[predictor]") {
    const Model model("resnet18", 33, {.classes = 3});
    const Predictor predictor(model.spec, *model.module);
    const Tensor wide = random_images(2, 33, 5, 1), slice = wide.channel_slice(1, 3);
    CHECK(equal(predictor.logits(slice), predictor.logits(slice.clone())));
}

TEST_CASE("Probabilities are softmax over the classes, or each label's sigmoid", "[predictor]") {
    Model model("resnet18", 33, {.classes = 3});
    const Tensor images = model.images(2);
    for (const bool multi_label : {false, true}) {
        model.spec.multi_label = multi_label;
        const Predictor predictor(model.spec, *model.module);
        CHECK(equal(predictor.predict(images), probabilities(model.spec, predictor.logits(images))));
        const auto scores = predictor.predict(images);
        const auto row = scores.values<float>().first(3);
        CHECK((std::abs(row[0] + row[1] + row[2] - 1) < 1e-6F) == !multi_label);
    }
}

TEST_CASE("Results go to memory of the caller's, wherever it lies", "[predictor]") {
    const Model model("resnet18", 33, {.classes = 3});
    const Predictor predictor(model.spec, *model.module);
    const Tensor images = model.images(2);
    std::vector<float> memory(9, 7.0F);
    const Tensor dst = Tensor::borrow(std::span(memory).subspan(1, 6), {2, 3});
    std::vector<NoAnswer> none;
    predictor.predict(images, dst, none);
    CHECK(equal(dst, predictor.predict(images)));
    predictor.logits(images, dst, none);
    CHECK(equal(dst, predictor.logits(images)));
    CHECK(none.empty());
    CHECK((memory[0] == 7 && memory[7] == 7 && memory[8] == 7));
    const Tensor wide = Tensor::zeros({2, 4});
    for (const Tensor& other : {Tensor(), Tensor::zeros({3, 3}), Tensor::zeros({2, 3}, DType::f64),
                                wide.channel_slice(0, 3), Tensor::zeros({2, 1, 1, 3})})
        CHECK_THROWS_WITH(predictor.predict(images, other, none), contains("wanted dense f32 results of dims [2, 3]"));
}

TEST_CASE("A predictor comes from a checkpoint", "[predictor]") {
    Model model("resnet18", 33, {.classes = 3});
    model.spec.mean = model.spec.std = {0.5F};
    model.spec.label_names = {"a", "b", "c"};
    const TemporaryFolder folder;
    CheckpointState state{{}, model.module->state()};
    write_spec(model.spec, state.metadata);
    save_checkpoint(folder / "model.safetensors", state);
    const Predictor predictor(folder / "model.safetensors");
    CHECK(predictor.spec().label_names == model.spec.label_names);
    const Tensor images = model.images(2);
    CHECK(equal(predictor.logits(images), Predictor(model.spec, *model.module).logits(images)));
    CHECK_THROWS_AS(Predictor(folder / "missing.safetensors"), IoError);
}

TEST_CASE("Images of other dims or types are refused", "[predictor]") {
    const Model model("resnet18", 33, {.classes = 3});
    const Predictor predictor(model.spec, *model.module);
    CHECK_THROWS_WITH(predictor.logits(Tensor::zeros({1, 33, 32, 3})),
                      contains("wanted images of dims [n, 33, 33, 3], got [1, 33, 32, 3]"));
    CHECK_THROWS_AS(predictor.logits(Tensor::zeros({1, 33, 33, 1})), UsageError);
    CHECK_THROWS_AS(predictor.logits(Tensor::zeros({33, 33, 3})), UsageError);
    CHECK_THROWS_AS(predictor.logits(Tensor()), UsageError);
    CHECK_THROWS_AS(predictor.logits(Tensor::zeros({1, 33, 33, 3}, DType::u8)), UsageError);
    CHECK_THROWS_AS(Predictor(model.spec, *model.module, 0), UsageError);
    ModelSpec other = model.spec;
    other.image_size = 32;
    CHECK_THROWS_WITH(Predictor(other, model.graph()), contains("not one of images of 32x32x3 and 3 classes"));
}
