#include "engine/ema.h"

#include <algorithm>
#include <cmath>

#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;

namespace {

const kernels::Conv2dGeometry kSmoothedGeometry{1, 5, 8, 8, 7, 3, 3};

Tensor ramp(float scale) {
    const Tensor tensor = Tensor::empty({7, 5, 3, 3});
    for (float i = 0; float& value : tensor.values<float>()) value = scale * (i += 1);
    return tensor;
}

std::vector<float> values(const Tensor& tensor) {
    const Tensor plain = tensor.contiguous();
    return {plain.values<float>().begin(), plain.values<float>().end()};
}

}  // namespace

TEST_CASE("ema: follows its formula, also when the parameter becomes blocked") {
    const Tensor w = ramp(1);
    Ema ema({{"w", w}}, 0.75);
    std::vector<double> wanted(315);
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<double>(i + 1);
    for (int step = 0; step < 40; ++step) {
        if (step == 3) w.set_layout(kernels::preferred_layout(kSmoothedGeometry, true));
        w.assign(ramp(static_cast<float>(step + 2)));
        ema.update(step);
        const double decay = std::min(0.75, (1.0 + step) / (10.0 + step));
        for (std::size_t i = 0; i < wanted.size(); ++i)
            wanted[i] = decay * wanted[i] + (1 - decay) * static_cast<double>(i + 1) * (step + 2);
    }
    const auto state = ema.state();
    REQUIRE(state.size() == 1);
    CHECK(state[0].name == "ema.w");
    CHECK(is_ema_state(state[0].name));
    // Four roundings a step, whose errors fade by 3/4 each: relative error below 4 * 4 u.
    const auto came = values(state[0].tensor);
    for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(std::abs(came[i] - wanted[i]) <= 16 * 0x1p-24 * wanted[i]);
}

TEST_CASE("ema: swapped in for a while, then everything is as before") {
    const Tensor w = ramp(1);
    Ema ema({{"w", w}}, 0.5);
    w.assign(ramp(3));
    {
        const EmaScope scope(&ema);
        CHECK(values(w) == values(ramp(1)));
        w.set_layout(kernels::preferred_layout(kSmoothedGeometry, false));  // as a forward pass in between does
        CHECK_THROWS_AS(ema.update(0), UsageError);
        CHECK_THROWS_AS(ema.state(), UsageError);
        CHECK_THROWS_AS(ema.load_state({}), UsageError);
        CHECK_THROWS_AS(EmaScope(&ema), UsageError);
    }
    CHECK(!ema.swapped_in());
    CHECK(values(w) == values(ramp(3)));
    CHECK(values(ema.state()[0].tensor) == values(ramp(1)));
    const EmaScope none(nullptr);
    CHECK(values(w) == values(ramp(3)));
}

TEST_CASE("ema: state from a checkpoint") {
    const Tensor w = ramp(1);
    Ema ema({{"w", w}}, 0.5);
    const Tensor loaded = ramp(5);
    ema.load_state({{"w", w}, {"ema.w", loaded}});
    CHECK(values(ema.state()[0].tensor) == values(loaded));
    ema.update(1000);
    CHECK(values(loaded) == values(ramp(5)));  // a copy was taken
    CHECK_THROWS_WITH(ema.load_state({{"w", w}}), test::contains("lacks ema.w"));
    CHECK_THROWS_AS(ema.load_state({{"ema.w", Tensor::zeros({1})}}), InputError);
    CHECK_THROWS_AS(ema.load_state({{"ema.w", ramp(1).to(DType::f64)}}), InputError);
    CHECK_THROWS_AS(ema.load_state({{"ema.w", loaded}, {"ema.other", loaded}}), InputError);
    CHECK_THROWS_AS(Ema({}, 1.0), UsageError);
    CHECK_THROWS_AS(Ema({}, std::nan("")), UsageError);
}
