// The checks of the other tests find what they are there to find.
#include "tests/support/gradcheck.h"

#include <cmath>

#include "engine/ops.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

/// x, whose gradient is `factor` times too large.
Tensor skewed(const Tensor& x, double factor) {
    return record(x.clone(), {x}, [factor](const Tensor& diff) {
        const Tensor result = diff.to(DType::f64).clone();
        for (double& value : result.values<double>()) value *= factor;
        return Gradients{result.to(diff.dtype())};
    });
}

}  // namespace

TEST_CASE("a gradient off by a millionth is found, a right one passes", "[gradcheck]") {
    const Inputs inputs{uniform({2, 3}, 1)};
    CHECK(gradient_mismatch(
              "skewed", [](const Inputs& x) { return skewed(x[0], 1); }, inputs) == "");
    const std::string found = gradient_mismatch(
        "skewed", [](const Inputs& x) { return skewed(x[0], 1 + 1e-6); }, inputs);
    CHECK(found.find("[skewed] gradient of input 0, element ") == 0);
    CHECK(gradient_mismatch(
              "missing", [](const Inputs& x) { return x[0].clone().set_requires_grad(); }, inputs) != "");
}

TEST_CASE("a float kernel that is wrong is found, rounding passes", "[gradcheck]") {
    const Inputs inputs{uniform({2, 3}, 1)};
    const auto wrong_in_float = [](double factor) {
        return [factor](const Inputs& x) { return skewed(x[0], x[0].dtype() == DType::f32 ? factor : 1); };
    };
    CHECK(precision_mismatch("skewed", wrong_in_float(1 + 0x1p-23), inputs, {1, 1}) == "");
    CHECK(
        precision_mismatch("skewed", wrong_in_float(1 + 1e-5), inputs, {1, 1}).find("gradient of input 0 on scalar") !=
        std::string::npos);
}

TEST_CASE("the report says how far backward is from the differences, and where", "[gradcheck]") {
    const Inputs inputs{uniform({2, 3}, 1)};
    const gradcheck::Report right = gradcheck::check([](const Inputs& x) { return skewed(x[0], 1); }, inputs);
    CHECK(right.passed());
    CHECK(right.error < right.tolerance);
    const gradcheck::Report wrong = gradcheck::check([](const Inputs& x) { return skewed(x[0], 1.5); }, inputs);
    CHECK(!wrong.passed());
    CHECK(wrong.input == 0);
    CHECK(wrong.error == Approx(std::abs(wrong.difference) / 2).epsilon(1e-6));
    CHECK(wrong.gradient == Approx(1.5 * wrong.difference).epsilon(1e-6));
    CHECK(wrong.text().find("gradient of input 0, element " + std::to_string(wrong.element)) == 0);
    CHECK(!gradcheck::check([](const Inputs& x) { return skewed(x[0], std::nan("")); }, inputs).passed());
    CHECK_THROWS_AS(gradcheck::check([](const Inputs& x) { return skewed(x[0], 1); }, {uniform({2}, 1).to(DType::f32)}),
                    UsageError);
}
