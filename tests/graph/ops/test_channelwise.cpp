// Operators with parameters of each channel against their definitions, to the bit.
#include "graph/ops/fake_quantize.h"
#include "graph/ops/prelu.h"
#include "tests/graph/ops/one_op.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;
using graph::FakeQuantize;
using graph::PRelu;

namespace {

/// ONNX's QuantizeLinear and DequantizeLinear: saturate(round half to even(x / scale) + zero), then (q - zero) * scale.
float round_trip(float x, float scale, std::int64_t zero, std::int64_t low, std::int64_t high) {
    const double q = std::clamp(std::nearbyint(double{x / scale}) + static_cast<double>(zero), static_cast<double>(low),
                                static_cast<double>(high));
    return static_cast<float>(static_cast<std::int64_t>(q) - zero) * scale;
}

}  // namespace

TEST_CASE("Fake quantization is ONNX's round trip to the bit, halves to even", "[fake_quantize]") {
    for (const std::int64_t c : {1, 3, 18})
        for (const auto& [low, high] :
             {std::pair{0, 255}, {-128, 127}, {-127, 127}, {0, 15}, {-32768, 32767}, {0, 65535}})
            for (const bool by_channel : {false, true}) {
                const auto count = by_channel ? c : 1;
                FakeQuantize op{uniform(count, 2, 0.001F, 0.1F), {}, low, high};
                for (std::int64_t i = 0; i < count; ++i) op.zero.push_back(i % 2 == 0 ? low + (high - low) / 3 : high);
                Maps src = Maps::random(2, 4, 5, c, 1, -20, 20);
                const float spices[] = {0.0F, -0.0F, 3e38F, -3e38F, 1e30F, -1e30F, 1e-42F};
                for (std::size_t i = 0; i < std::size(spices); ++i) src.values[i] = spices[i];
                for (std::size_t i = std::size(spices); i < src.values.size(); i += 3) {  // on halves
                    const float scale = op.scale[by_channel ? i % static_cast<std::size_t>(c) : 0];
                    src.values[i] = (static_cast<float>(i) - 20.5F) * scale;
                }
                std::vector<float> wanted;
                for (std::size_t i = 0; i < src.values.size(); ++i) {
                    const std::size_t k = by_channel ? i % static_cast<std::size_t>(c) : 0;
                    wanted.push_back(round_trip(src.values[i], op.scale[k], op.zero[k], low, high));
                }
                for (const Gaps& gaps : kGaps) CHECK(run_op(src, {4, 5, c}, gaps, op).values == wanted);
                for (const float none : {kNaN, kInfinity, -kInfinity}) {  // no quantized value stands for them
                    src.values[4] = none;
                    CHECK(std::isnan(run_op(src, {4, 5, c}, {}, op).values[4]));
                }
            }
}

TEST_CASE("Fake quantization that makes no sense is refused", "[fake_quantize]") {
    const graph::Buffer map{2, 2, 3};
    const auto refused = [&](const FakeQuantize& op, const char* why) {
        CHECK_THROWS_WITH(check_op(map, map, op), contains(why));
    };
    CHECK_NOTHROW(check_op(map, map, FakeQuantize{{1}, {0}}));
    refused({{}, {}}, "a scale and a zero");
    refused({{1, 1}, {0, 0}}, "a scale and a zero");
    refused({{1}, {}}, "a scale and a zero");
    for (const float scale : {0.0F, -1.0F, kNaN, kInfinity}) refused({{scale}, {0}}, "finite scales above 0");
    refused({{1}, {256}}, "zeros within the range");
    refused({{1}, {0}, 5, 5}, "a range of whole numbers");
    refused({{1}, {0}, std::numeric_limits<std::int64_t>::min(), 5}, "a range of whole numbers");
    refused({{1}, {0}, 0, (1 << 16) + 1}, "a range of whole numbers");
}

TEST_CASE("PReLU has a slope, or one of each channel, and keeps NaN", "[prelu]") {
    for (const std::int64_t c : {1, 3, 18})
        for (const bool by_channel : {false, true}) {
            const PRelu op{uniform(by_channel ? c : 1, 2)};
            Maps src = Maps::random(2, 4, 5, c, 1);
            src.values[1] = kNaN;
            src.values[2] = -kInfinity;
            std::vector<float> wanted;
            for (std::size_t i = 0; i < src.values.size(); ++i) {
                const float x = src.values[i];
                wanted.push_back(x < 0 ? op.slope[by_channel ? i % static_cast<std::size_t>(c) : 0] * x : x);
            }
            for (const Gaps& gaps : kGaps) CHECK(same(run_op(src, {4, 5, c}, gaps, op).values, wanted));
        }
    const graph::Buffer map{2, 2, 3};
    CHECK_THROWS_WITH(check_op(map, map, PRelu{{}}), contains("a finite slope"));
    CHECK_THROWS_WITH(check_op(map, map, PRelu{{1, 2}}), contains("a finite slope"));
    CHECK_THROWS_WITH(check_op(map, map, PRelu{{kInfinity}}), contains("a finite slope"));
}
