#include "embed/weights/stem.h"

#include "engine/autograd.h"
#include "engine/checkpoint.h"
#include "models/registry.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

std::unique_ptr<nn::Module> network(std::int64_t channels, std::uint64_t seed) {
    auto module = make_model("resnet20", {.classes = 2, .channels = channels, .small_stem = true}, seed);
    module->train(false);
    return module;
}

/// The same grey noise in each channel.
Tensor grey_input(std::int64_t channels) {
    const Tensor input = Tensor::empty({1, 16, 16, channels});
    for (std::int64_t i = 0; i < input.elements(); ++i)
        input.data<float>()[i] = static_cast<float>((i / channels * 37) % 101) / 101.0F;
    return input;
}

}  // namespace

TEST_CASE("A stem for other channels gives of a grey image what the old one gave", "[stem]") {
    for (const std::int64_t from : {1, 3}) {
        const auto old = network(from, 1);
        const Tensor want = (*old)(grey_input(from));
        for (const std::int64_t to : {1, 2, 3, 4, 32}) {
            const auto now = network(to, 2);
            std::vector<NamedTensor> weights = old->state();
            CHECK(fit_stem(now->state(), weights) == (from == to ? "" : "conv1.weight"));
            load_into(now->state(), weights, "w");
            const Tensor found = (*now)(grey_input(to));
            for (std::int64_t k = 0; k < 2; ++k)
                CHECK(found.data<float>()[k] == Approx(want.data<float>()[k]).margin(1e-4));
        }
    }
}

TEST_CASE("Weights that no stem can be made of stay as they are", "[stem]") {
    const auto five = network(5, 1), three = network(3, 2);
    std::vector<NamedTensor> weights = five->state(), none;
    CHECK(fit_stem(three->state(), weights).empty());
    CHECK(weights[0].tensor.dim(1) == 5);
    CHECK(fit_stem(three->state(), none).empty());
}
