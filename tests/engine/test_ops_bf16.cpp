// Operators on maps of bf16 against the same operators in double on the same numbers: results and gradients.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "engine/ops.h"
#include "engine/rng_scope.h"
#include "kernels/cpu.h"
#include "kernels/random.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

/// f64 that bf16 holds exactly.
Tensor halves(const Tensor& tensor) { return tensor.to(DType::bf16).to(DType::f64); }

struct Outcome {
    Tensor dst;
    Inputs gradients;
};

/// Runs f on the inputs, the first `maps` of them as maps of `type` and the others as what goes with them.
Outcome run_as(const Operator& f, const Inputs& inputs, std::size_t maps, DType type) {
    Inputs leaves;
    for (std::size_t i = 0; i < inputs.size(); ++i)
        leaves.push_back(inputs[i].to(i < maps ? type : param_type(type)).clone().set_requires_grad());
    const Tensor dst = f(leaves);
    backward(dst, halves(uniform(dst.dims(), 99)).to(dst.dtype()));
    Outcome outcome{dst.contiguous().to(DType::f64), {}};
    for (std::size_t i = 0; i < leaves.size(); ++i) {
        CHECK(leaves[i].grad().dtype() == leaves[i].dtype());
        outcome.gradients.push_back(leaves[i].grad().contiguous().to(DType::f64));
    }
    return outcome;
}

/// How exact a result or gradient can be: its terms, and it itself, have been rounded to bf16 `roundings` times;
/// `magnitude` is what the terms' magnitudes add up to at most. Sums of less than 2^12 terms in f32 come on top.
struct Bound {
    int roundings;
    double magnitude;

    double tolerance() const { return (roundings * 0x1p-8 + 0x1p-12) * magnitude; }
};

/// Returns where the two are farther apart than that, on any instruction set; empty: nowhere. `bounds` are of the
/// result, and of the gradient of each input.
std::string mismatch(const Operator& f, const Inputs& inputs, std::size_t maps, const std::vector<Bound>& bounds) {
    Inputs exact = inputs;
    for (std::size_t i = 0; i < maps; ++i) exact[i] = halves(exact[i]);
    const Outcome truth = run_as(f, exact, maps, DType::f64);
    REQUIRE(bounds.size() == inputs.size() + 1);
    std::ostringstream text;
    for (const Isa& isa : available_isas()) {
        const IsaScope scope(isa);
        const Outcome got = run_as(f, exact, maps, DType::bf16);
        const auto compare = [&](const char* what, std::size_t number, const Tensor& a, const Tensor& b) {
            REQUIRE(a.dims() == b.dims());
            const double tolerance = bounds[number].tolerance();
            for (std::size_t i = 0; i < a.values<double>().size(); ++i) {
                const double x = a.values<double>()[i], y = b.values<double>()[i];
                if (!(std::abs(x - y) <= tolerance) && text.str().empty())
                    text << isa.name << ", " << what << " " << number << ", element " << i << ": wanted " << y
                         << " within " << tolerance << ", got " << x;
            }
        };
        compare("result", 0, got.dst, truth.dst);
        for (std::size_t k = 0; k < inputs.size(); ++k)
            compare("gradient", k + 1, got.gradients[k], truth.gradients[k]);
    }
    return text.str();
}

/// Weights in the layout of Keel's own kernels, where they are f32.
Tensor in_panels(const Tensor& weights, const Dims& src, const Conv2dOptions& options) {
    if (weights.dtype() == DType::f32)
        weights.set_layout(kernels::preferred_layout(conv2d_geometry(src, weights, options), true, DType::bf16));
    return weights;
}

BatchNormParameters norm_of(const Tensor& gamma, const Tensor& beta) {
    return {gamma, beta, Tensor::full(gamma.dims(), 0, gamma.dtype()), Tensor::full(gamma.dims(), 1, gamma.dtype())};
}

}  // namespace

TEST_CASE("operators that round once: bf16", "[ops][bf16]") {
    const Tensor a = away_from_zero({2, 5, 6, 37}, 1), b = away_from_zero({2, 5, 6, 37}, 2);
    const Bound once{1, 1}, twice{1, 2};
    CHECK(mismatch([](const Inputs& x) { return relu(x[0]); }, {a}, 1, {once, once}) == "");
    CHECK(mismatch([](const Inputs& x) { return add(x[0], x[1]); }, {a, b}, 2, {twice, once, once}) == "");
    CHECK(mismatch([](const Inputs& x) { return add(x[0], x[0]); }, {a}, 1, {twice, twice}) == "");
    CHECK(mismatch([](const Inputs& x) { return avg_pool(x[0], {2, 2, 0}); }, {a}, 1, {once, once}) == "");
    CHECK(mismatch([](const Inputs& x) { return adaptive_avg_pool(x[0], 2, 3); }, {a}, 1, {once, once}) == "");
    CHECK(mismatch([](const Inputs& x) { return global_avg_pool(x[0]); }, {a}, 1, {{0, 1}, once}) == "");
    CHECK(mismatch([](const Inputs& x) { return flatten(x[0]); }, {a}, 1, {{0, 1}, {0, 1}}) == "");
    CHECK(mismatch([](const Inputs& x) { return cast(x[0], param_type(x[0].dtype())); }, {a}, 1, {{0, 1}, once}) == "");
    // A pixel wins up to four windows of stride 1.
    CHECK(mismatch([](const Inputs& x) { return max_pool(x[0], {2, 1, 0}); }, {a}, 1, {{0, 1}, {1, 4}}) == "");
    const auto dropped = [](const Inputs& x) {
        const RngScope draws(1, 2, {5, 7});
        return dropout(x[0], 0.25);
    };
    CHECK(mismatch(dropped, {a}, 1, {{1, 4.0 / 3}, {1, 4.0 / 3}}) == "");
}

TEST_CASE("global_avg_pool of bf16 is f32", "[ops][bf16]") {
    const Tensor src = uniform({2, 3, 3, 16}, 1).to(DType::bf16);
    CHECK(global_avg_pool(src).dtype() == DType::f32);
    CHECK(adaptive_avg_pool(src, 1, 1).dtype() == DType::bf16);
}

TEST_CASE("add_relu: bf16", "[ops][bf16]") {
    // Sums farther from the kink than they may be rounded.
    const Tensor a = away_from_zero({2, 5, 6, 37}, 1), b = Tensor::full({2, 5, 6, 37}, 0.03125, DType::f64);
    CHECK(mismatch([](const Inputs& x) { return add_relu(x[0], x[1]); }, {a, b}, 2, {{1, 2}, {0, 1}, {0, 1}}) == "");
}

TEST_CASE("convolutions of bf16, on Keel's own kernels and around oneDNN's", "[ops][bf16]") {
    struct Case {
        Dims src, weights;
        Conv2dOptions options;
    };
    // 1x1, with steps, 3x3 (by Winograd's algorithm where there are pixels enough), and channels that are no panels.
    const Case cases[] = {
        {{2, 7, 7, 32}, {64, 32, 1, 1}, {}},           {{2, 7, 7, 32}, {32, 32, 1, 1}, {.stride = 2}},
        {{2, 15, 15, 32}, {32, 32, 3, 3}, {.pad = 1}}, {{2, 7, 7, 32}, {32, 32, 3, 3}, {.stride = 2, .pad = 1}},
        {{2, 7, 7, 3}, {5, 3, 3, 3}, {.pad = 1}},      {{2, 7, 7, 8}, {8, 4, 3, 3}, {.pad = 1, .groups = 2}}};
    for (const Case& c : cases) {
        INFO(c.weights.text() << " of " << c.src.text());
        const Tensor src = uniform(c.src, 1), weights = uniform(c.weights, 2), bias = uniform({c.weights[0]}, 3);
        const double in_window = static_cast<double>(c.weights.elements() / c.weights[0]),
                     out_window = static_cast<double>(c.weights.elements() / c.weights[1]),
                     pixels = static_cast<double>(c.src[0] * c.src[1] * c.src[2]);
        // The transforms of Winograd's algorithm add up to 4 values, on either side, and are rounded in between; only
        // they round what the gradient of the weights is made of.
        const bool winograd = c.weights[2] == 3 && c.options.stride == 1;
        const double growth = winograd ? 4 : 1;
        const auto conv = [&](const Inputs& x) {
            return conv2d(x[0], in_panels(x[1], c.src, c.options), x[2], c.options);
        };
        CHECK(mismatch(conv, {src, weights, bias}, 1,
                       {{winograd ? 3 : 2, growth * (in_window + 1)},
                        {winograd ? 3 : 2, growth * out_window},
                        {winograd ? 2 : 0, growth * pixels},
                        {0, pixels}}) == "");
    }
}

TEST_CASE("a convolution of a slice of bf16 at any distance and place", "[ops][bf16]") {
    const Tensor src = uniform({2, 7, 7, 32}, 1), weights = uniform({32, 32, 3, 3}, 2).to(DType::f32),
                 narrow = src.to(DType::bf16);
    in_panels(weights, src.dims(), {.pad = 1});
    const Tensor wanted = conv2d(narrow, weights, {}, {.pad = 1});
    for (const std::int64_t capacity : {37, 40})
        for (const std::int64_t first : {0, 1, 4}) {
            INFO(first << " of " << capacity);
            const Tensor slice = Tensor::zeros({2, 7, 7, capacity}, DType::bf16).channel_slice(first, 32);
            slice.assign(narrow);
            const Tensor got = conv2d(slice, weights, {}, {.pad = 1});
            CHECK(std::ranges::equal(got.to(DType::f32).values<float>(), wanted.to(DType::f32).values<float>()));
        }
}

TEST_CASE("batch norms of bf16", "[ops][bf16]") {
    // Values of a channel are uniform, so that sigma is 0.58 or somewhat less, and normalized ones at most 2. beta
    // keeps all from the kink of the ReLU.
    const Tensor src = uniform({2, 5, 6, 37}, 1), gamma = uniform({37}, 2, 0.5, 1.5), residual = uniform(src.dims(), 3);
    const Tensor beta = Tensor::full({37}, 4, DType::f64);
    const double rows = 60, inverse = 1.5 / 0.5;
    const Bound map{1, 2 * 1.5 + 4}, diff_src{1, inverse * (1 + 1 + 2 * 2)}, diff_gamma{0, 2 * rows},
        diff_beta{0, rows};
    for (const bool relu : {false, true})
        CHECK(mismatch([&](const Inputs& x) { return batch_norm(x[0], norm_of(x[1], x[2]), {.relu = relu}); },
                       {src, gamma, beta}, 1, {map, diff_src, diff_gamma, diff_beta}) == "");
    const Bound joined{1, map.magnitude + 1};
    CHECK(mismatch([](const Inputs& x) { return norm_add_relu(x[0], norm_of(x[2], x[3]), {}, {x[1]}); },
                   {src, residual, gamma, beta}, 2, {joined, diff_src, {0, 1}, diff_gamma, diff_beta}) == "");
    const auto both = [](const Inputs& x) {
        return norm_add_relu(x[0], norm_of(x[2], x[3]), {}, {x[1], norm_of(x[4], x[5]), {}});
    };
    CHECK(mismatch(both, {src, residual, gamma, beta, uniform({37}, 4, 0.5, 1.5), beta}, 2,
                   {{1, 2 * map.magnitude}, diff_src, diff_src, diff_gamma, diff_beta, diff_gamma, diff_beta}) == "");
}

TEST_CASE("norm_conv2d of bf16 in a wide buffer", "[ops][bf16]") {
    const Dims dims{2, 15, 15, 32};
    const Inputs inputs{uniform(dims, 1), uniform({32}, 2, 0.5, 1.5), Tensor::full({32}, 4, DType::f64),
                        uniform({32, 32, 3, 3}, 3, -0.1, 0.1)};
    const auto block = [&](const Inputs& x) {
        const Tensor features = wide_buffer(x[0], 64);
        const Tensor added = norm_conv2d(features, norm_of(x[1], x[2]), {.relu = true},
                                         in_panels(x[3], dims, {.pad = 1}), {.pad = 1}, room_behind(features, 32));
        CHECK(added.dtype() == x[0].dtype());
        return append_channels(features, added);
    };
    // 9 * 32 products of normalized values up to 7 and weights up to 0.1; Winograd's transforms as above. The gradient
    // of the normalized map is not rounded before its sums are made, but what it is made of is; the one of src is added
    // to that of the buffer.
    const double window = 9 * 32, rows = 450, dy = 4 * window * 0.1, inverse = 1.5 / 0.5;
    CHECK(mismatch(block, inputs, 1,
                   {{4, 4 * window * 7 * 0.1},
                    {4, 1 + inverse * 6 * dy},
                    {2, 2 * rows * dy},
                    {2, rows * dy},
                    {3, 4 * rows * 7}}) == "");
}

TEST_CASE("gradients of different types are not added", "[ops][bf16]") {
    const Tensor src = uniform({1, 2, 2, 4}, 1).to(DType::f32).set_requires_grad();
    const Tensor half = cast(src, DType::bf16), sum = add(cast(half, DType::f32), src);
    backward(sum, Tensor::full(sum.dims(), 1));
    CHECK(src.grad().dtype() == DType::f32);
    CHECK(src.grad().values<float>()[0] == 2);
    CHECK_THROWS_AS(add(half, src), UsageError);
    CHECK_THROWS_AS(linear(Tensor::zeros({2, 3}, DType::bf16), Tensor::zeros({4, 3}), {}), UsageError);
}

TEST_CASE("rounded_conv2d is the convolution of f32, rounded, some images at a time", "[ops][bf16]") {
    for (const std::int64_t ic : {3, 32}) {
        INFO(ic << " channels");
        const Dims dims{5, 8, 8, ic};  // parts of 2, 2 and 1 images
        const auto run = [&](bool rounded) {
            const Tensor src = uniform(dims, 1).to(DType::f32).set_requires_grad(),
                         weights = uniform({32, ic, 3, 3}, 2).to(DType::f32).set_requires_grad(),
                         bias = uniform({32}, 3).to(DType::f32).set_requires_grad();
            const Conv2dOptions options{.stride = 2, .pad = 1};
            const Tensor dst = rounded ? rounded_conv2d(src, weights, bias, options)
                                       : cast(conv2d(src, weights, bias, options), DType::bf16);
            backward(dst, uniform(dst.dims(), 4).to(DType::bf16));
            return Inputs{dst, src.grad(), weights.grad(), bias.grad()};
        };
        const Inputs got = run(true), wanted = run(false);
        CHECK(got[0].dtype() == DType::bf16);
        // Both sum in f32: 9 ic or 9 * 32 products, or those of the 5 * 16 pixels of the result; the result is rounded.
        const double products[] = {9.0 * static_cast<double>(ic) + 1, 9 * 32, 80, 80};
        for (std::size_t k = 0; k < got.size(); ++k) {
            const double tolerance = 2 * (products[k] + 16) * 0x1p-24 * products[k];
            const Tensor a = got[k].contiguous().to(DType::f64), b = wanted[k].contiguous().to(DType::f64);
            for (std::size_t i = 0; i < a.values<double>().size(); ++i) {
                const double x = a.values<double>()[i], y = b.values<double>()[i];
                if (!(std::abs(x - y) <= tolerance + (k == 0 ? 0x1p-7 * std::abs(y) : 0)))
                    FAIL(k << ", element " << i << ": wanted " << y << ", got " << x);
            }
        }
    }
    CHECK_THROWS_AS(rounded_conv2d(Tensor::zeros({1, 4, 4, 3}, DType::bf16), Tensor::zeros({8, 3, 3, 3}), {}),
                    UsageError);
}
