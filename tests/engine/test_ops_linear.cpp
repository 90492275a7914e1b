#include <algorithm>

#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

}  // namespace

TEST_CASE("linear: gradients and precision", "[ops][gradcheck]") {
    for (const auto& [n, in, out] : {std::tuple{1, 1, 1}, {2, 5, 3}, {7, 16, 9}, {3, 17, 8}}) {
        const Inputs inputs{uniform({n, in}, 1), uniform({out, in}, 2), uniform({out}, 3)};
        const std::int64_t longest = std::max({n, in + 1, out});
        const Rounding rounding{longest, static_cast<double>(longest)};  // products of values from [-1, 1]
        check_operator(
            "linear", [](const Inputs& x) { return linear(x[0], x[1], {}); }, {inputs[0], inputs[1]}, rounding);
        check_operator(
            "linear, bias", [](const Inputs& x) { return linear(x[0], x[1], x[2]); }, inputs, rounding);
    }
}

TEST_CASE("linear reads rows at any distance", "[ops]") {
    const Tensor wide = uniform({3, 8}, 1), wide_weights = uniform({4, 9}, 2);
    const Tensor src = wide.channel_slice(2, 5), weights = wide_weights.channel_slice(1, 5);
    const Tensor src_copy = src.clone(), weights_copy = weights.clone();
    for (const Tensor& leaf : {src, weights, src_copy, weights_copy}) leaf.set_requires_grad();
    const Tensor dst = linear(src, weights, {}), wanted = linear(src_copy, weights_copy, {});
    CHECK(std::ranges::equal(dst.values<double>(), wanted.values<double>()));
    const Tensor cotangent = uniform({3, 7}, 3).channel_slice(2, 4);
    backward(dst, cotangent);
    backward(wanted, cotangent);
    CHECK(std::ranges::equal(src.grad().values<double>(), src_copy.grad().values<double>()));
    CHECK(std::ranges::equal(weights.grad().values<double>(), weights_copy.grad().values<double>()));
}

TEST_CASE("linear computes only the gradients wanted", "[ops]") {
    for (int wanted = 1; wanted < 8; ++wanted) {
        const Inputs x{uniform({2, 3}, 1).set_requires_grad(wanted & 1),
                       uniform({4, 3}, 2).set_requires_grad(wanted & 2), uniform({4}, 3).set_requires_grad(wanted & 4)};
        const Tensor dst = linear(x[0], x[1], x[2]);
        backward(dst, uniform(dst.dims(), 4));
        for (std::size_t i = 0; i < x.size(); ++i) CHECK(x[i].grad().defined() == x[i].requires_grad());
    }
}

TEST_CASE("linear refuses what does not fit", "[ops]") {
    const Tensor src = Tensor::zeros({2, 3}), weights = Tensor::zeros({4, 3});
    CHECK_THROWS_WITH(linear(src, Tensor::zeros({4, 5}), {}), "[linear] src has 3 features, weights expect 5");
    CHECK_THROWS_AS(linear(Tensor::zeros({2, 1, 1, 3}), weights, {}), UsageError);
    CHECK_THROWS_AS(linear(src, Tensor::zeros({3}), {}), UsageError);
    CHECK_THROWS_AS(linear(src, weights.to(DType::f64), {}), UsageError);
    CHECK_THROWS_AS(linear(src, weights, Tensor::zeros({3})), UsageError);
    CHECK_THROWS_AS(linear(src, weights, Tensor::zeros({4}, DType::f64)), UsageError);
    CHECK_THROWS_AS(linear(Tensor(), weights, {}), UsageError);
    CHECK_THROWS_AS(linear(src, Tensor(), {}), UsageError);
}
