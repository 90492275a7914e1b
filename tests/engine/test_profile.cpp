#include "kernels/profile.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/nn/layers.h"
#include "engine/ops.h"
#include "engine/optimizer.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

/// The layers in which work of this kind was done in this direction, in order.
std::vector<std::string> layers_of(const profile::Recording& recording, const std::string& kind, profile::Pass pass) {
    std::vector<std::string> layers;
    for (const profile::Record& record : recording.records)
        if (record.kind == kind && record.place.pass == pass)
            layers.push_back(recording.layers.at(static_cast<std::size_t>(record.place.layer)));
    return layers;
}

using Texts = std::vector<std::string>;

}  // namespace

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
    CHECK(layers_of(recording, "conv2d_forward 1x1", forward) == Texts{"block.conv1", "block.conv2"});
    CHECK(layers_of(recording, "conv2d_backward_weights 1x1", backward) == Texts{"block.conv2", "block.conv1"});
    CHECK(layers_of(recording, "conv2d_backward_data 1x1", backward) ==
          Texts{"block.conv2"});  // the images want no gradient
    CHECK(layers_of(recording, "batch_norm_backward", backward) == Texts{"block.norm1"});
    CHECK(layers_of(recording, "softmax_cross_entropy_backward", backward) == Texts{""});
    CHECK(layers_of(recording, "sgd_update", forward) == Texts(4, "optimizer"));
    CHECK(std::ranges::all_of(recording.records, [](const profile::Record& r) { return r.thread == 0; }));
}
