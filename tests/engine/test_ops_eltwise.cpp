// relu, add, add_relu.
#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

/// Channel counts around the vector widths.
const std::int64_t kChannels[] = {1, 3, 7, 8, 9, 16, 17};

}  // namespace

TEST_CASE("relu: gradients and precision", "[ops][gradcheck]") {
    for (const std::int64_t c : kChannels) {
        check_operator("relu", [](const Inputs& x) { return relu(x[0]); }, {away_from_zero({2, 3, 2, c}, 1)}, {1, 1});
        check_operator("relu of a slice", [c](const Inputs& x) { return relu(wide_buffer(x[0], c + 5)); },
                       {away_from_zero({2, 2, 2, c}, 2)}, {1, 1});
    }
    check_operator("relu of a matrix", [](const Inputs& x) { return relu(x[0]); }, {away_from_zero({5, 11}, 3)},
                   {1, 1});
}

TEST_CASE("relu lets nothing pass at 0 and below", "[ops]") {
    const Tensor x = Tensor::from({-1.0F, 0.0F, 2.0F}, {3}).set_requires_grad();
    const Tensor y = relu(x);
    CHECK(y.values<float>()[0] == 0);
    CHECK(y.values<float>()[1] == 0);
    CHECK(y.values<float>()[2] == 2);
    backward(y, Tensor::full({3}, 5));
    CHECK(x.grad().values<float>()[0] == 0);
    CHECK(x.grad().values<float>()[1] == 0);
    CHECK(x.grad().values<float>()[2] == 5);
}

TEST_CASE("add: gradients and precision", "[ops][gradcheck]") {
    for (const std::int64_t c : kChannels) {
        const Dims dims{2, 2, 3, c};
        check_operator("add", [](const Inputs& x) { return add(x[0], x[1]); }, {uniform(dims, 1), uniform(dims, 2)},
                       {2, 2});
        check_operator("add of a slice", [c](const Inputs& x) { return add(x[0], wide_buffer(x[1], c + 3)); },
                       {uniform(dims, 3), uniform(dims, 4)}, {2, 2});
    }
    check_operator("add of a tensor to itself", [](const Inputs& x) { return add(x[0], x[0]); }, {uniform({4, 5}, 5)},
                   {2, 2});
}

TEST_CASE("add_relu: gradients and precision", "[ops][gradcheck]") {
    for (const std::int64_t c : kChannels) {
        // Magnitudes of at least 0.1 plus at most 0.05: the sum is never near the kink.
        const Dims dims{2, 2, 3, c};
        const Inputs inputs{away_from_zero(dims, 1), uniform(dims, 2, -0.05, 0.05)};
        check_operator("add_relu", [](const Inputs& x) { return add_relu(x[0], x[1]); }, inputs, {2, 2});
        check_operator("add_relu of a slice", [c](const Inputs& x) { return add_relu(wide_buffer(x[0], c + 1), x[1]); },
                       inputs, {2, 2});
    }
}

TEST_CASE("element-wise operators refuse what does not fit", "[ops]") {
    const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({3, 2});
    CHECK_THROWS_AS(add(a, b), UsageError);
    CHECK_THROWS_AS(add_relu(a, b), UsageError);
    CHECK_THROWS_AS(add(a, a.to(DType::f64)), UsageError);
    CHECK_THROWS_AS(add_relu(a, a.to(DType::f64)), UsageError);
    CHECK_THROWS_AS(add(a, Tensor()), UsageError);
    CHECK_THROWS_AS(relu(Tensor()), UsageError);
    CHECK_THROWS_AS(relu(a.to(DType::s32)), UsageError);
    CHECK_THROWS_WITH(add(a, b), "[add] b must have dims [2, 3], got [3, 2]");
}
