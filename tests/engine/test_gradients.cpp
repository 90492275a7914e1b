#include <cmath>
#include <limits>

#include "engine/gradients.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;

namespace {

NamedTensor parameter(const std::string& name, const Tensor& gradient) {
    const Tensor tensor = Tensor::zeros(gradient.dims(), gradient.dtype());
    tensor.set_grad(gradient);
    return {name, tensor};
}

std::vector<NamedTensor> three_four() {
    std::vector<NamedTensor> parameters{parameter("a", Tensor::from({3.0F, 0.0F}, {2})), {"none", Tensor::zeros({5})}};
    parameters.push_back(parameter("b", Tensor::from({4.0}, {1})));  // f64 beside f32
    return parameters;
}

}  // namespace

TEST_CASE("clip: the norm is that of all gradients together") {
    auto parameters = three_four();
    CHECK(gradient_norm(parameters) == 5.0);
    CHECK(clip_by_norm(parameters, 5.0) == 5.0);
    CHECK(parameters[0].tensor.grad().values<float>()[0] == 3.0F);
    CHECK(clip_by_norm(parameters, 2.5) == 5.0);
    CHECK(parameters[0].tensor.grad().values<float>()[0] == 1.5F);
    CHECK(parameters[2].tensor.grad().item() == 2.0);
    CHECK(gradient_norm({}) == 0);
    CHECK_THROWS_AS(clip_by_norm(parameters, 0), UsageError);
    CHECK_THROWS_AS(clip_by_norm(parameters, std::nan("")), UsageError);
}

TEST_CASE("clip: gradients that share memory, are views or blocked are scaled once") {
    const Tensor shared = Tensor::from({3.0F, 4.0F}, {2});
    std::vector<NamedTensor> twins{parameter("a", shared), parameter("b", shared)};
    CHECK(clip_by_norm(twins, std::sqrt(50.0) / 2) == Approx(std::sqrt(50.0)).epsilon(1e-15));
    for (const auto& [name, tensor] : twins) CHECK(tensor.grad().values<float>()[1] == 2.0F);
    CHECK(shared.values<float>()[1] == 4.0F);

    const Tensor wide = Tensor::full({2, 4}, 2);
    std::vector<NamedTensor> view{parameter("v", wide.channel_slice(0, 2))};
    CHECK(clip_by_norm(view, 2) == 4);
    CHECK(view[0].tensor.grad().contiguous().values<float>()[0] == 1.0F);
    CHECK(wide.values<float>()[0] == 2.0F);

    const Tensor blocked = Tensor::full({7, 5, 3, 3}, 1);
    blocked.set_layout(kernels::preferred_layout({1, 5, 8, 8, 7, 3, 3}, true));
    CHECK(gradient_norm({parameter("w", blocked)}) == Approx(std::sqrt(315.0)).epsilon(1e-15));
}

TEST_CASE("finite watch: names the first bad gradient") {
    for (const float bad :
         {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
        auto parameters = three_four();
        CHECK(!first_non_finite(parameters));
        CHECK_NOTHROW(require_finite(1.0, parameters, 7));
        parameters.push_back(parameter("bad", Tensor::from({1.0F, 2.0F, bad}, {3})));
        parameters.push_back(parameter("worse", Tensor::from({bad}, {1})));
        CHECK(first_non_finite(parameters) == "bad");
        CHECK_THROWS_WITH(require_finite(1.0, parameters, 7), test::contains("bad") && test::contains("step 7"));
        CHECK(!std::isfinite(clip_by_norm(parameters, 1)));
        CHECK(parameters[0].tensor.grad().values<float>()[0] == 3.0F);
        CHECK_THROWS_AS(require_finite(bad, {}, 0), DivergedError);
    }
}
