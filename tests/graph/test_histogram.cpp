// The ranges that codes are made for.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "graph/quantize/quantize.h"
#include "kernels/random.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("Histograms do not depend on the order of values, and know their ranges", "[quantize]") {
    std::vector<float> values;
    Random random(3, Draw::synthesize);
    for (int i = 0; i < 20000; ++i)
        values.push_back(random.uniform(-1, 1) * random.uniform(0, 2) * (i % 500 == 0 ? 30.0F : 1.0F));
    Histogram forward, backward;
    for (std::size_t i = 0; i < values.size(); i += 100) forward.add(values.data() + i, 100);
    for (std::size_t i = values.size(); i > 0; i -= 1000) backward.add(values.data() + i - 1000, 1000);
    CHECK(forward.bins() == backward.bins());
    CHECK(forward.low() == *std::ranges::min_element(values));
    CHECK(forward.high() == *std::ranges::max_element(values));
    std::int64_t counted = 0;
    for (const std::uint32_t count : forward.bins()) counted += count;
    CHECK(counted == 20000);

    const QuantParams all = quant_params(forward, RangeMethod::minmax);
    CHECK(all.scale == Approx((double{forward.high()} - forward.low()) / 255));
    for (const RangeMethod method : {RangeMethod::percentile, RangeMethod::mse, RangeMethod::kl}) {
        INFO(std::string(name(method)));
        CHECK(quant_params(forward, method).scale <= all.scale);
    }
    Histogram tail;  // half the range for one value in two millions
    std::vector<float> many(2'000'000, 3.0F);
    for (std::size_t i = 1; i < many.size(); ++i) many[i] = random.uniform();
    tail.add(many.data(), std::ssize(many));
    CHECK(quant_params(tail, RangeMethod::mse).scale < 0.5 * quant_params(tail, RangeMethod::minmax).scale);
    CHECK(quant_params(-1, 1).zero == 128);
    CHECK(quant_params(0, 51) == QuantParams{0.2F, 0});
    CHECK(quant_params(3, 5).zero == 0);  // 0 is always among the values
    CHECK(quant_params(-5, -3).zero == 255);
    CHECK(quant_params(0, 0).scale == 1);
    const float nan = std::nanf("");
    CHECK_THROWS_WITH(forward.add(&nan, 1), contains("NaN"));
}
