// norm_conv2d alone, and in a dense block against a chain of operators that share and defer nothing.
#include <algorithm>
#include <cmath>

#include "engine/arena.h"
#include "engine/ops.h"
#include "kernels/routing/choice.h"
#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"
#include "tests/support/compare.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Inputs = std::vector<Tensor>;

constexpr std::int64_t kLayers = 3;

/// n, h, w, channels of the block's input, bottleneck, growth.
struct Shape {
    std::int64_t n, h, w, c, bottleneck, growth;
};

/// The input, then for each layer gamma1, beta1, weights1, gamma2, beta2, weights2.
Inputs draw(const Shape& s, std::uint64_t seed) {
    Inputs x{uniform({s.n, s.h, s.w, s.c}, seed)};
    for (std::int64_t i = 0; i < kLayers; ++i) {
        const std::int64_t channels = s.c + i * s.growth;
        const std::uint64_t first = seed * 100 + static_cast<std::uint64_t>(i) * 6;
        x.push_back(uniform({channels}, first + 1, 0.5, 1.5));
        x.push_back(uniform({channels}, first + 2));
        x.push_back(uniform({s.bottleneck, channels, 1, 1}, first + 3));
        x.push_back(uniform({s.bottleneck}, first + 4, 0.5, 1.5));
        x.push_back(uniform({s.bottleneck}, first + 5));
        x.push_back(uniform({s.growth, s.bottleneck, 3, 3}, first + 6));
    }
    return x;
}

struct Running {
    explicit Running(const Inputs& x) {
        for (std::size_t i = 1; i < x.size(); i += 3)
            for (const double value : {0.0, 1.0}) tensors.push_back(Tensor::full(x[i].dims(), value, x[0].dtype()));
    }
    std::vector<Tensor> tensors;  ///< mean and variance of norm1, of norm2, of the next layer's norm1, ...
};

Tensor fused_norm_conv(const Inputs& x, const Running& r) {
    Tensor features = wide_buffer(x[0], x[0].channels() + kLayers * x[6].dim(0));
    for (std::size_t i = 0; i < kLayers; ++i) {
        const Tensor *t = &x[1 + 6 * i], *s = &r.tensors[4 * i];
        const Tensor bottleneck = norm_conv2d(features, {t[0], t[1], s[0], s[1]}, {.relu = true}, t[2], {});
        const Tensor room = room_behind(features, t[5].dim(0));
        features = append_channels(
            features, norm_conv2d(bottleneck, {t[3], t[4], s[2], s[3]}, {.relu = true}, t[5], {.pad = 1}, room));
    }
    return features;
}

/// The channels of both, dense.
Tensor concatenated(const Tensor& a, const Tensor& b) {
    Tensor dst = Tensor::empty({a.dim(0), a.dim(1), a.dim(2), a.channels() + b.channels()}, a.dtype());
    dst.channel_slice(0, a.channels()).assign(a);
    dst.channel_slice(a.channels(), b.channels()).assign(b);
    return record(dst, {a, b}, [front = a.channels(), added = b.channels()](const Tensor& diff) {
        return Gradients{diff.channel_slice(0, front).clone(), diff.channel_slice(front, added).clone()};
    });
}

Tensor chain_norm_conv(const Inputs& x, const Running& r) {
    Tensor features = x[0];
    for (std::size_t i = 0; i < kLayers; ++i) {
        const Tensor *t = &x[1 + 6 * i], *s = &r.tensors[4 * i];
        const Tensor bottleneck = conv2d(batch_norm(features, {t[0], t[1], s[0], s[1]}, {.relu = true}), t[2], {});
        const Tensor added =
            conv2d(batch_norm(bottleneck, {t[3], t[4], s[2], s[3]}, {.relu = true}), t[5], {}, {.pad = 1});
        features = concatenated(features, added);
    }
    return features;
}

/// In double no two values are as near to the kink of a ReLU as the step of the gradient check moves them, for nearly
/// every seed: the first seed whose mismatch is none must come soon.
bool gradients_agree(const Shape& shape) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed)
        if (gradient_mismatch(
                "dense block", [](const Inputs& x) { return fused_norm_conv(x, Running(x)); }, draw(shape, seed))
                .empty())
            return true;
    return false;
}

struct NormConvResult {
    Tensor dst;
    std::vector<Tensor> gradients, running;
};

template <class Operator>
NormConvResult run_norm_conv(const Inputs& given, Operator op, const Tensor& cotangent) {
    Inputs x;
    for (const Tensor& input : given) x.push_back(input.clone().set_requires_grad());
    Running running(x);
    NormConvResult result{op(x, running), {}, running.tensors};
    backward(result.dst, cotangent);
    for (const Tensor& input : x) result.gradients.push_back(input.grad().contiguous());
    result.dst = result.dst.contiguous();
    return result;
}

double worst_norm_conv(const NormConvResult& got, const NormConvResult& truth) {
    double largest = relative_error(got.dst, truth.dst);
    for (std::size_t i = 0; i < got.gradients.size(); ++i)
        largest = std::max(largest, relative_error(got.gradients[i], truth.gradients[i]));
    for (std::size_t i = 0; i < got.running.size(); ++i)
        largest = std::max(largest, relative_error(got.running[i], truth.running[i]));
    return largest;
}

}  // namespace

TEST_CASE("a dense block of norm_conv2d: gradients", "[ops][gradcheck]") {
    CHECK(gradients_agree({2, 3, 2, 3, 4, 2}));
    CHECK(gradients_agree({1, 4, 4, 2, 3, 1}));
}

TEST_CASE("a dense block is the chain of operators it stands for", "[ops]") {
    const Shape shape{2, 5, 6, 32, 64, 32};  // whole panels of Keel's own kernels
    const Inputs x = draw(shape, 7);
    const Tensor cotangent = uniform({2, 5, 6, 32 + kLayers * 32}, 9);
    const NormConvResult truth = run_norm_conv(x, chain_norm_conv, cotangent);
    // In double the two differ in the order of a few sums only.
    CHECK(worst_norm_conv(run_norm_conv(x, fused_norm_conv, cotangent), truth) < 1e-12);

    Inputs narrow;
    for (const Tensor& input : x) narrow.push_back(input.to(DType::f32));
    const double reference = worst_norm_conv(run_norm_conv(narrow, chain_norm_conv, cotangent.to(DType::f32)), truth);
    const double ours = worst_norm_conv(run_norm_conv(narrow, fused_norm_conv, cotangent.to(DType::f32)), truth);
    INFO("error of the chain " << reference << ", of the operator " << ours);
    // Plain weights, so oneDNN's kernels; a ReLU decided the other way would cost 1e-3 and more.
    CHECK(reference < 1e-4);
    CHECK(ours < 4 * reference);
}

TEST_CASE("a dense block on Keel's own kernels", "[ops]") {
    const Inputs x = draw({2, 5, 6, 32, 64, 32}, 7);
    const Tensor cotangent = uniform({2, 5, 6, 32 + kLayers * 32}, 9);
    const NormConvResult truth = run_norm_conv(x, chain_norm_conv, cotangent);
    Inputs narrow;
    for (const Tensor& input : x) narrow.push_back(input.to(DType::f32));
    for (std::size_t i = 1; i < narrow.size(); i += 3) {
        const Tensor& weights = narrow[i + 2];
        const Dims src{2, 5, 6, weights.dim(1)};
        weights.set_layout(
            kernels::panel_layout(conv2d_geometry(src, weights, {.pad = static_cast<int>(weights.dim(2) / 2)})));
    }
    CHECK(worst_norm_conv(run_norm_conv(narrow, fused_norm_conv, cotangent.to(DType::f32)), truth) < 1e-4);
}

TEST_CASE("norm_conv2d: gradients, with and without statistics of its own, whatever is asked for", "[ops][gradcheck]") {
    // Far from the kink of the ReLU, or without it: beta lifts all values of a channel, or sinks them.
    const Tensor src = uniform({2, 4, 3, 3}, 1), gamma = uniform({3}, 2, 0.2, 0.4), weights = uniform({2, 3, 3, 3}, 3);
    const Tensor beta = Tensor::from({2.0, -2.0, 1.5}, {3}), mean = uniform({3}, 4), variance = uniform({3}, 5, 0.5, 2);
    for (const bool training : {true, false})
        for (const bool relu : {true, false})
            for (const int stride : {1, 2})
                for (const unsigned wanted : {0b1111U, 0b1000U, 0b0111U, 0b0110U}) {
                    CAPTURE(training, relu, stride, wanted);
                    const Inputs all{src, gamma, beta, weights};
                    Inputs given;
                    for (std::size_t i = 0; i < 4; ++i)
                        if ((wanted >> i & 1U) != 0) given.push_back(all[i]);
                    check_gradients(
                        "norm_conv2d",
                        [&](const Inputs& some) {
                            Inputs x;
                            for (std::size_t i = 0, next = 0; i < 4; ++i)
                                x.push_back((wanted >> i & 1U) != 0 ? some[next++] : all[i]);
                            return norm_conv2d(x[0], {x[1], x[2], mean.clone(), variance.clone()},
                                               {.training = training, .relu = relu}, x[3],
                                               {.stride = stride, .pad = 1});
                        },
                        given);
                }
}

TEST_CASE("norm_conv2d keeps its source alone, and leaves a source that is read twice whole", "[ops]") {
    const Dims dims{2, 16, 16, 32};
    const Tensor src = uniform(dims, 1).to(DType::f32), gamma = Tensor::full({32}, 1), beta = Tensor::zeros({32});
    const Tensor weights = uniform({32, 32, 3, 3}, 2).to(DType::f32).set_requires_grad();
    src.set_requires_grad();
    const auto in_use = [] { return Arena::global().statistics().in_use; };
    const std::size_t before = in_use(), map = static_cast<std::size_t>(dims.elements()) * sizeof(float);
    const Tensor once =
        norm_conv2d(src, {gamma, beta, beta.clone(), gamma.clone()}, {.relu = true}, weights, {.pad = 1});
    CHECK(in_use() - before < map + map / 2);  // the result, and vectors

    const Tensor copy = src.clone();
    const Tensor both =
        add(norm_conv2d(src, {gamma, beta, beta.clone(), gamma.clone()}, {.relu = true}, weights, {.pad = 1}), src);
    backward(both, Tensor::full(both.dims(), 1));
    CHECK(std::ranges::equal(src.values<float>(), copy.values<float>()));
}

TEST_CASE("norm_conv2d writes where it is told to", "[ops]") {
    const Tensor gamma = Tensor::full({32}, 1), beta = Tensor::zeros({32});
    for (const bool panels : {false, true}) {
        const Tensor src = uniform({2, 5, 5, 32}, 1).to(DType::f32),
                     weights = uniform({32, 32, 1, 1}, 2).to(DType::f32);
        if (panels) weights.set_layout(kernels::panel_layout(conv2d_geometry(src.dims(), weights, {})));
        const BatchNormParameters norm{gamma, beta, beta.clone(), gamma.clone()};
        const Tensor head = wide_buffer(uniform({2, 5, 5, 3}, 3).to(DType::f32), 40);
        const Tensor room = room_behind(head, 32);
        const Tensor there = norm_conv2d(src, norm, {}, weights, {}, room),
                     elsewhere = norm_conv2d(src, norm, {}, weights, {});
        CHECK(there.same_view(room));
        CHECK(std::ranges::equal(there.clone().values<float>(), elsewhere.values<float>()));
        const Tensor all = append_channels(head, there);
        CHECK(std::ranges::equal(all.channel_slice(3, 32).clone().values<float>(), elsewhere.values<float>()));
    }
    const Tensor src = uniform({2, 5, 5, 32}, 1).to(DType::f32), weights = uniform({32, 32, 1, 1}, 2).to(DType::f32);
    const BatchNormParameters norm{gamma, beta, beta.clone(), gamma.clone()};
    CHECK_THROWS_AS(norm_conv2d(src, norm, {}, weights, {}, Tensor::zeros({2, 5, 5, 31})), UsageError);
    CHECK_THROWS_AS(norm_conv2d(src, norm, {}, weights, {}, Tensor::zeros({2, 5, 5, 32}, DType::f64)), UsageError);
    CHECK_THROWS_AS(norm_conv2d(src, {gamma, beta, beta, Tensor()}, {}, weights, {}), UsageError);
    CHECK_THROWS_AS(norm_conv2d(src, norm, {}, Tensor::zeros({32, 31, 1, 1}), {}), UsageError);
    CHECK_THROWS_AS(norm_conv2d(src.to(DType::f64), norm, {}, weights, {}), UsageError);
}
