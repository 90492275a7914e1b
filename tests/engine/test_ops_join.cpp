// Chains of residual joins, of which some are made again in the backward pass, against a chain of operators that keep
// everything.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/arena.h"
#include "engine/ops.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

constexpr std::size_t kBlocks = 4;

/// The first branch and what it is projected by, then for each block gamma, beta and, but for the first, weights.
Inputs draw(std::int64_t c, std::int64_t extent, int kernel, std::uint64_t seed) {
    Inputs x{uniform({2, extent, extent, c}, seed), uniform({2, extent, extent, c}, seed + 1)};
    for (std::size_t i = 0; i < kBlocks; ++i) {
        const std::uint64_t first = seed + 10 * (i + 1);
        x.push_back(uniform({c}, first, 0.5, 1.5));
        x.push_back(uniform({c}, first + 1));
        x.push_back(uniform({c, c, kernel, kernel}, first + 2));
    }
    return x;
}

/// join(i, branch, residual) along the chain; the first residual is normalized by the last block's parameters.
template <class Join>
Tensor chain(const Inputs& x, Join join) {
    const int pad = static_cast<int>(x[4].dim(2)) / 2;
    Tensor map = join(0, x[0], x[1]);
    for (std::size_t i = 1; i < kBlocks; ++i) map = join(i, conv2d(map, x[4 + 3 * i], {}, {.pad = pad}), map);
    return map;
}

BatchNormParameters parameters(const Inputs& x, std::size_t block) {
    const Tensor& gamma = x[2 + 3 * block];
    return {gamma, x[3 + 3 * block], Tensor::full(gamma.dims(), 0, gamma.dtype()),
            Tensor::full(gamma.dims(), 1, gamma.dtype())};
}

Tensor fused(const Inputs& x) {
    return chain(x, [&](std::size_t i, const Tensor& branch, const Tensor& residual) {
        return norm_add_relu(branch, parameters(x, i), {},
                             i == 0 ? Residual{residual, parameters(x, kBlocks - 1)} : Residual{residual});
    });
}

Tensor plain(const Inputs& x) {
    return chain(x, [&](std::size_t i, const Tensor& branch, const Tensor& residual) {
        const Tensor other = i == 0 ? batch_norm(residual, parameters(x, kBlocks - 1), {}) : residual;
        return relu(add(batch_norm(branch, parameters(x, i), {}), other));
    });
}

struct Result {
    Tensor dst;
    std::vector<Tensor> gradients;
};

template <class Operator>
Result run(const Inputs& given, Operator op, const Tensor& cotangent) {
    Inputs x;
    for (const Tensor& input : given) x.push_back(input.clone().set_requires_grad());
    Result result{op(x), {}};
    backward(result.dst, cotangent);
    for (std::size_t i = 0; i < x.size(); ++i)
        if (i != 4) result.gradients.push_back(x[i].grad().clone());  // the first block has no convolution
    return result;
}

double worst(const Result& got, const Result& truth) {
    double largest = relative_error(got.dst, truth.dst);
    for (std::size_t i = 0; i < truth.gradients.size(); ++i)
        largest = std::max(largest, relative_error(got.gradients[i], truth.gradients[i]));
    return largest;
}

/// Weights in panels of Keel's own kernels.
Inputs narrowed(const Inputs& x, bool panels) {
    Inputs narrow;
    for (const Tensor& input : x) narrow.push_back(input.to(DType::f32));
    for (std::size_t i = 1; panels && i < kBlocks; ++i) {
        const Tensor& weights = narrow[4 + 3 * i];
        const int pad = static_cast<int>(weights.dim(2)) / 2;
        weights.set_layout(kernels::panel_layout(conv2d_geometry(x[0].dims(), weights, {.pad = pad})));
    }
    return narrow;
}

}  // namespace

TEST_CASE("a chain of joins is the chain of operators that it stands for", "[ops][gradcheck]") {
    for (const int kernel : {1, 3}) {
        const Inputs x = draw(32, 9, kernel, 7);
        const Tensor cotangent = uniform(x[0].dims(), 9);
        const Result truth = run(x, plain, cotangent);
        // In double the two differ in the order of a few sums only.
        CHECK(worst(run(x, fused, cotangent), truth) < 1e-12);
        for (const bool panels : {false, true}) {
            const double reference = worst(run(narrowed(x, panels), plain, cotangent.to(DType::f32)), truth);
            const double ours = worst(run(narrowed(x, panels), fused, cotangent.to(DType::f32)), truth);
            INFO("kernel " << kernel << ", panels " << panels << ": error of the chain " << reference
                           << ", of the joins " << ours);
            // A ReLU decided the other way would cost 1e-3 and more.
            CHECK(reference < 1e-4);
            CHECK(ours < 4 * reference);
        }
    }
}

TEST_CASE("of a chain of joins every second result is kept", "[ops]") {
    const Inputs x = narrowed(draw(32, 32, 1, 7), true);
    for (const Tensor& input : x) input.set_requires_grad();
    const std::size_t before = Arena::global().statistics().in_use, map = 2 * 32 * 32 * 32 * sizeof(float);
    Tensor dst = fused(x);
    const std::size_t used = Arena::global().statistics().in_use - before;
    // Three results of convolutions, the second and the last join (the caller holds that one); and vectors.
    CHECK(used > 5 * map);
    CHECK(used < 5 * map + map / 2);
    backward(dst, Tensor::full(dst.dims(), 1));
    dst = {};
    std::size_t gradients = 0;
    for (const Tensor& input : x)
        if (input.grad()) gradients += static_cast<std::size_t>(input.grad().storage_elements()) * sizeof(float);
    CHECK(Arena::global().statistics().in_use - before < gradients + map / 2);
}

TEST_CASE("of a chain of four joins of bf16 no result is kept, and all are made again to the bit", "[ops][bf16]") {
    Inputs x = narrowed(draw(32, 32, 1, 7), true);
    for (std::size_t i : {0, 1}) x[i] = x[i].to(DType::bf16);
    const Tensor cotangent = uniform(x[0].dims(), 9).to(DType::bf16), nothing = Tensor::zeros(x[0].dims(), DType::bf16);
    // What an addition returns is kept, and adding zeros changes nothing.
    const auto keeping = [&](const Inputs& inputs) {
        return chain(inputs, [&](std::size_t i, const Tensor& branch, const Tensor& residual) {
            return add(norm_add_relu(branch, parameters(inputs, i), {},
                                     i == 0 ? Residual{residual, parameters(inputs, kBlocks - 1)} : Residual{residual}),
                       nothing);
        });
    };
    const Result wanted = run(x, keeping, cotangent), got = run(x, fused, cotangent);
    const auto equal = [](const Tensor& a, const Tensor& b) {
        return std::ranges::equal(a.to(DType::f32).values<float>(), b.to(DType::f32).values<float>());
    };
    CHECK(equal(got.dst, wanted.dst));
    for (std::size_t i = 0; i < wanted.gradients.size(); ++i) CHECK(equal(got.gradients[i], wanted.gradients[i]));

    for (const Tensor& input : x) input.set_requires_grad();
    const std::size_t before = Arena::global().statistics().in_use, map = 2 * 32 * 32 * 32 * sizeof(Bf16);
    const Tensor dst = fused(x);
    const std::size_t used = Arena::global().statistics().in_use - before;
    CHECK(used > 4 * map);  // three results of convolutions, and the last join, which the caller holds; and vectors
    CHECK(used < 4 * map + map / 2);
}
