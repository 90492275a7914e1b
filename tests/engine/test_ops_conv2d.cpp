#include "engine/ops.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

struct Case {
    const char* name;
    Dims src, weights;
    Conv2dOptions options;
};

const Case kCases[] = {
    {"1x1", {2, 3, 4, 5}, {4, 5, 1, 1}, {}},
    {"1x1, stride 2", {2, 5, 4, 3}, {6, 3, 1, 1}, {2}},
    {"3x3", {2, 5, 4, 3}, {4, 3, 3, 3}, {}},
    {"3x3, pad 1", {1, 4, 5, 8}, {3, 8, 3, 3}, {1, 1}},
    {"3x3, stride 2, pad 1", {2, 6, 5, 3}, {5, 3, 3, 3}, {2, 1}},
    {"3x3, dilation 2, pad 2", {1, 6, 7, 2}, {3, 2, 3, 3}, {1, 2, 2}},
    {"3x3, 2 groups, pad 1", {2, 4, 4, 6}, {4, 3, 3, 3}, {1, 1, 1, 2}},
    {"depthwise", {1, 5, 5, 4}, {4, 1, 3, 3}, {1, 1, 1, 4}},
    {"2x3, stride 3, pad 1", {1, 7, 8, 2}, {3, 2, 2, 3}, {3, 1}},
};

/// Sums over the window's inputs and the bias; over all positions (gradient of weights); over the windows that read a
/// pixel.
Rounding rounding(const Case& c) {
    const Tensor src = Tensor::empty(c.src), weights = Tensor::empty(c.weights);
    const auto g = conv2d_geometry(src.dims(), weights, c.options);
    const std::int64_t taps = g.kh * g.kw;
    const std::int64_t longest = std::max({taps * g.ic / g.groups + 1, taps * g.oc / g.groups, g.n * g.oh() * g.ow()});
    return {longest, static_cast<double>(longest)};  // values lie in [-1, 1], and so do their products
}

}  // namespace

TEST_CASE("conv2d: gradients and precision", "[ops][gradcheck]") {
    for (const Case& c : kCases) {
        const Inputs inputs{uniform(c.src, 1), uniform(c.weights, 2), uniform({c.weights[0]}, 3)};
        const std::string name = std::string("conv2d ") + c.name;
        check_operator(
            name, [&](const Inputs& x) { return conv2d(x[0], x[1], {}, c.options); }, {inputs[0], inputs[1]},
            rounding(c));
        check_operator(
            name + ", bias", [&](const Inputs& x) { return conv2d(x[0], x[1], x[2], c.options); }, inputs, rounding(c));
    }
}

TEST_CASE("conv2d of a channel slice: gradients and precision", "[ops][gradcheck]") {
    const Case c{"of a slice", {2, 3, 4, 5}, {3, 5, 3, 3}, {1, 1}};
    check_operator(
        "conv2d of a slice", [&](const Inputs& x) { return conv2d(wide_buffer(x[0], 9), x[1], {}, c.options); },
        {uniform(c.src, 1), uniform(c.weights, 2)}, rounding(c));
}

TEST_CASE("conv2d whose result continues a wide buffer: the gradient comes as a slice", "[ops][gradcheck]") {
    const Case c{"into a slice", {1, 3, 4, 5}, {5, 5, 3, 3}, {1, 1}};
    check_operator(
        "conv2d into a slice",
        [&](const Inputs& x) { return append_channels(wide_buffer(x[0], 10), conv2d(x[0], x[1], {}, c.options)); },
        {uniform(c.src, 1), uniform(c.weights, 2)}, {rounding(c).additions + 1, rounding(c).magnitude + 1});
}

TEST_CASE("conv2d computes only the gradients wanted", "[ops]") {
    const auto run = [](bool src_wanted, bool weights_wanted, bool bias_wanted) {
        const Inputs x{uniform({1, 4, 4, 2}, 1).set_requires_grad(src_wanted),
                       uniform({3, 2, 3, 3}, 2).set_requires_grad(weights_wanted),
                       uniform({3}, 3).set_requires_grad(bias_wanted)};
        const Tensor dst = conv2d(x[0], x[1], x[2], {1, 1});
        CHECK(dst.requires_grad() == (src_wanted || weights_wanted || bias_wanted));
        if (dst.requires_grad()) backward(dst, uniform(dst.dims(), 4));
        CHECK(x[0].grad().defined() == src_wanted);
        CHECK(x[1].grad().defined() == weights_wanted);
        CHECK(x[2].grad().defined() == bias_wanted);
        return x;
    };
    const Inputs all = run(true, true, true);
    for (const bool src : {false, true})
        for (const bool weights : {false, true})
            for (const bool bias : {false, true}) {
                const Inputs x = run(src, weights, bias);
                for (std::size_t i = 0; i < x.size(); ++i)
                    if (x[i].grad())
                        CHECK(std::ranges::equal(x[i].grad().values<double>(), all[i].grad().values<double>()));
            }
}

TEST_CASE("conv2d gives the same with weights in any layout", "[ops]") {
    const Tensor src = uniform({2, 6, 6, 16}, 1).to(DType::f32), weights = uniform({24, 16, 3, 3}, 2).to(DType::f32);
    const Tensor blocked = weights.clone();
    blocked.set_layout(kernels::preferred_layout(conv2d_geometry(src.dims(), weights, {1, 1}), true));
    REQUIRE(blocked.layout());
    Tensor gradients[2];
    Tensor results[2];
    for (int i = 0; i < 2; ++i) {
        const Tensor& w = (i == 0 ? weights : blocked).set_requires_grad();
        results[i] = conv2d(src, w, {}, {1, 1});
        backward(results[i], uniform(results[i].dims(), 3).to(DType::f32));
        CHECK(w.grad().dims() == weights.dims());
        CHECK(kernels::same_layout(w.grad().layout(), w.layout()));
        gradients[i] = w.grad().contiguous();
    }
    // Two orders of summing k products from [-1, 1] differ by at most 2 k u k.
    const auto close = [](const Tensor& a, const Tensor& b, double k) {
        return std::ranges::equal(a.values<float>(), b.values<float>(),
                                  [&](float x, float y) { return std::abs(x - y) <= 2 * k * k * 0x1p-24; });
    };
    CHECK(close(results[0], results[1], 16 * 9));
    CHECK(close(gradients[0], gradients[1], 2 * 6 * 6));
}

TEST_CASE("conv2d refuses what does not fit", "[ops]") {
    const Tensor src = Tensor::zeros({1, 4, 4, 3}), weights = Tensor::zeros({8, 64, 3, 3});
    CHECK_THROWS_WITH(conv2d(src, weights, {}), "[conv2d] src has 3 channels, weights expect 64");
    const Tensor good = Tensor::zeros({8, 3, 3, 3});
    CHECK_NOTHROW(conv2d(src, good, {}));
    CHECK_THROWS_AS(conv2d(Tensor(), good, {}), UsageError);
    CHECK_THROWS_AS(conv2d(src, Tensor(), {}), UsageError);
    CHECK_THROWS_AS(conv2d(Tensor::zeros({4, 3}), good, {}), UsageError);
    CHECK_THROWS_AS(conv2d(src, Tensor::zeros({8, 3}), {}), UsageError);
    CHECK_THROWS_AS(conv2d(src, good.to(DType::f64), {}), UsageError);
    CHECK_THROWS_AS(conv2d(src, good, Tensor::zeros({7})), UsageError);
    CHECK_THROWS_AS(conv2d(src, good, Tensor::zeros({8}, DType::f64)), UsageError);
    CHECK_THROWS_AS(conv2d(src, good, {}, {0}), UsageError);
    CHECK_THROWS_AS(conv2d(src, good, {}, {1, -1}), UsageError);
    CHECK_THROWS_AS(conv2d(src, good, {}, {1, 0, 0}), UsageError);
    CHECK_THROWS_AS(conv2d(src, good, {}, {1, 0, 2}), UsageError);
    CHECK_THROWS_AS(conv2d(src, good, {}, {1, 0, 1, 0}), UsageError);
    CHECK_THROWS_AS(conv2d(Tensor::zeros({0, 4, 4, 3}), good, {}), UsageError);
    CHECK_THROWS_AS(conv2d(src.to(DType::u8), good.to(DType::u8), {}), UsageError);
    CHECK_THROWS_AS(conv2d(src, Tensor::zeros({8, 3, 3, 5}).channel_slice(0, 3), {}), UsageError);
}
