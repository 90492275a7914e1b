#include "engine/checkpoint.h"

#include <limits>

#include "engine/ema.h"
#include "engine/nn/layers.h"
#include "engine/optimizer.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::TemporaryFolder;

namespace {

/// A module with the kinds of tensors that a model has.
class Net final : public nn::Module {
public:
    explicit Net(std::int64_t classes)
        : conv_(add<nn::Conv2d>("features.conv0", 5, 7, 3)),
          norm_(add<nn::BatchNorm2d>("features.norm0", 7, true)),
          classifier_(add<nn::Linear>("classifier", 7, classes)) {}
    std::string describe() const override { return "Net"; }

protected:
    Tensor forward(const Tensor& src) override { return classifier_(global_avg_pool(norm_(conv_(src)))); }

private:
    nn::Conv2d& conv_;
    nn::BatchNorm2d& norm_;
    nn::Linear& classifier_;
};

void fill(const Tensor& tensor, float first) {
    for (float& value : tensor.values<float>()) value = (first += 0.125F);
}

Net& filled(Net& net) {
    for (float first = 1; const auto& named : net.state()) fill(named.tensor, first += 100);
    return net;
}

bool equal(const Tensor& a, const Tensor& b) {
    const Tensor x = a.contiguous(), y = b.contiguous();
    return x.dims() == y.dims() && std::ranges::equal(x.values<float>(), y.values<float>());
}

bool equal_state(const nn::Module& a, const nn::Module& b) {
    const auto x = a.state(), y = b.state();
    return std::ranges::equal(
        x, y, [](const NamedTensor& s, const NamedTensor& t) { return s.name == t.name && equal(s.tensor, t.tensor); });
}

std::string load_error(const nn::Module& net, const std::vector<NamedTensor>& tensors,
                       const LoadOptions& options = {}) {
    try {
        load_into(net.state(), tensors, "weights.safetensors", options);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("checkpoint: model, optimizer and average come back as they were, in any layout") {
    const TemporaryFolder folder;
    Net net(3);
    filled(net);
    net.parameters().front().tensor.set_layout(kernels::preferred_layout({1, 5, 8, 8, 7, 3, 3}, true));
    Optimizer optimizer({{"all", net.parameters()}}, {});
    Ema ema(net.parameters(), 0.9);
    for (const auto& named : net.parameters()) named.tensor.set_grad(named.tensor.clone());
    optimizer.step(0.01);
    ema.update(0);

    CheckpointState state;
    for (const auto& part : {net.state(), optimizer.state(), ema.state()})
        state.tensors.insert(state.tensors.end(), part.begin(), part.end());
    save_checkpoint(folder / "last.safetensors", state);
    const CheckpointState back = load_checkpoint(folder / "last.safetensors");

    Net other(3);
    CHECK(load_into(other.state(), back.tensors, "last").empty());
    CHECK(equal_state(net, other));
    Optimizer other_optimizer({{"all", other.parameters()}}, {});
    other_optimizer.load_state(back.tensors);
    Ema other_ema(other.parameters(), 0.9);
    other_ema.load_state(back.tensors);
    const auto same = [](const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
        return std::ranges::equal(
            a, b, [](const auto& s, const auto& t) { return s.name == t.name && equal(s.tensor, t.tensor); });
    };
    CHECK(same(optimizer.state(), other_optimizer.state()));
    CHECK(same(ema.state(), other_ema.state()));
}

TEST_CASE("checkpoint: damage and foreign files are refused") {
    const TemporaryFolder folder;
    const auto path = folder / "x.safetensors";
    save_checkpoint(path, {{}, {{"w", Tensor::full({4}, 1)}}});
    std::string bytes = test::read_text(path);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    test::write_text(path, bytes);
    CHECK_THROWS_WITH(load_checkpoint(path), test::contains("x.safetensors") && test::contains("damaged"));
    write_safetensors(path, {{}, {}});
    CHECK_THROWS_WITH(load_checkpoint(path), test::contains("no checkpoint"));
    write_safetensors(path, {{{"keel.format", "2"}}, {}});
    CHECK_THROWS_WITH(load_checkpoint(path), test::contains("format 2"));
}

TEST_CASE("checkpoint: torchvision's weights load, num_batches_tracked included") {
    Net source(3), net(3);
    std::vector<NamedTensor> tensors = filled(source).state();
    tensors.push_back({"features.norm0.num_batches_tracked", Tensor::from({std::int32_t{100}}, {1})});
    tensors.front().tensor = tensors.front().tensor.to(DType::f64);
    CHECK(load_into(net.state(), tensors, "w").empty());
    CHECK(equal_state(source, net));
}

TEST_CASE("checkpoint: a state may share the tensors' memory") {
    Net source(3), net(3);
    std::vector<NamedTensor> tensors;
    for (const NamedTensor& each : filled(source).state()) tensors.push_back({each.name, each.tensor.clone()});
    tensors[0].tensor = tensors[0].tensor.to(DType::f64);
    CHECK(load_into(net.state(), tensors, "w", {.share = true}).empty());
    CHECK(equal_state(source, net));
    CHECK(net.state()[1].tensor.same_memory(tensors[1].tensor));
    CHECK(!net.state()[1].tensor.same_memory(source.state()[1].tensor));
    CHECK(net.state()[0].tensor.dtype() == DType::f32);
}

TEST_CASE("checkpoint: what does not fit is listed, and nothing is copied") {
    Net source(3), net(3), same(3);
    for (const Net* each : {&net, &same})
        for (const NamedTensor& named : each->state()) fill(named.tensor, 0);
    auto tensors = filled(source).state();
    tensors.erase(tensors.begin() + 1);  // features.norm0.weight
    tensors.push_back({"extra.weight", Tensor::zeros({1})});
    tensors.front().tensor = Tensor::zeros({7, 5, 1, 1});
    const std::string message = load_error(net, tensors);
    CHECK_THAT(message, test::contains("weights.safetensors") && test::contains("missing: features.norm0.weight") &&
                            test::contains("extra.weight") && test::contains("features.conv0.weight f32[7, 5, 1, 1]"));
    CHECK(equal_state(net, same));

    auto many = source.state();
    for (int i = 10; i < 25; ++i) many.push_back({"extra" + std::to_string(i), Tensor::zeros({1})});
    CHECK_THAT(load_error(net, many), test::contains("extra19 and 5 more"));
    auto integers = source.state();
    integers[1].tensor = Tensor::zeros({7}, DType::s32);
    CHECK_THAT(load_error(net, integers), test::contains("features.norm0.weight s32"));
}

TEST_CASE("checkpoint: transfer to another number of classes skips the named prefix alone") {
    Net source(1000), net(3);
    const auto tensors = filled(source).state();
    CHECK_THAT(load_error(net, tensors), test::contains("classifier.weight"));
    CHECK_THAT(load_error(net, tensors, {{"fc."}}), test::contains("classifier.weight"));
    CHECK(load_into(net.state(), tensors, "w", {{"fc.", "classifier."}}) ==
          std::vector<std::string>{"classifier.weight", "classifier.bias"});
    CHECK(equal(net.parameters().front().tensor, source.parameters().front().tensor));
    CHECK(equal(net.parameters().back().tensor, Tensor::zeros({3})));
}

TEST_CASE("checkpoint: variables of a loss belong to no model") {
    Net source(3), net(3);
    std::vector<NamedTensor> tensors = filled(source).state();
    tensors.push_back({"loss.alpha", Tensor::full({3}, 1)});
    CHECK(load_into(net.state(), tensors, "w").empty());
    CHECK(equal_state(source, net));
}

TEST_CASE("checkpoint: tensors of no part of the model may be skipped, those of a part may not") {
    Net source(3), net(3);
    auto tensors = filled(source).state();
    tensors.push_back({"op_threshs", Tensor::zeros({18})});
    CHECK_THAT(load_error(net, tensors), test::contains("left over: op_threshs"));
    CHECK(load_into(net.state(), tensors, "w", {.skip_foreign = true}) == std::vector<std::string>{"op_threshs"});
    auto more = tensors;
    more.push_back({"attention.weight", Tensor::zeros({2, 2})});
    CHECK_THROWS_WITH(load_into(net.state(), more, "w", {.skip_foreign = true}),
                      test::contains("left over: attention.weight"));
    tensors.push_back({"features.conv9.weight", Tensor::zeros({1})});
    CHECK_THROWS_WITH(load_into(net.state(), tensors, "w", {.skip_foreign = true}),
                      test::contains("left over: features.conv9.weight"));
}

TEST_CASE("checkpoint: weights that are not finite are refused by name") {
    Net source(3), net(3);
    auto tensors = filled(source).state();
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
        tensors[1].tensor = Tensor::full(tensors[1].tensor.dims(), 1);
        tensors[1].tensor.data<float>()[3] = bad;
        CHECK_THAT(load_error(net, tensors), test::contains(tensors[1].name + " holds NaN or infinity"));
    }
    auto wide = filled(source).state();
    wide[1].tensor = Tensor::full(wide[1].tensor.dims(), 1).to(DType::f64);
    wide[1].tensor.data<double>()[2] = 1e300;  // a number, but none of the model's
    CHECK_THAT(load_error(net, wide), test::contains(wide[1].name + " holds NaN or infinity"));
    auto negative = filled(source).state();
    for (NamedTensor& entry : negative)
        if (entry.name.ends_with("running_var")) {
            entry.tensor = Tensor::full(entry.tensor.dims(), 1);
            entry.tensor.data<float>()[0] = -1e-9F;
            CHECK_THAT(load_error(net, negative), test::contains(entry.name + " holds a variance below 0"));
            return;
        }
    FAIL("a model without variances");
}
