// What backward promises, whatever the operators: accumulation, order, hooks, leaves, and memory.
#include "engine/autograd.h"

#include <algorithm>
#include <string>
#include <thread>

#include "engine/arena.h"
#include "engine/ops.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

/// factor * x, which counts the passes of its backward.
Tensor scaled(const Tensor& x, double factor, int* passes = nullptr) {
    const auto times = [factor](const Tensor& t) {
        const Tensor result = t.clone();
        for (double& value : result.values<double>()) value *= factor;
        return result;
    };
    return record(times(x), {x}, [times, passes](const Tensor& diff) {
        if (passes != nullptr) ++*passes;
        return Gradients{times(diff)};
    });
}

Tensor scalar(double value) { return Tensor::from({value}, {1}); }
Tensor leaf(double value) { return scalar(value).set_requires_grad(); }

std::size_t in_use() { return Arena::global().statistics().in_use; }

}  // namespace

TEST_CASE("gradients accumulate over backward calls", "[autograd]") {
    const Tensor x = leaf(5);
    CHECK_FALSE(x.grad().defined());
    backward(scaled(x, 2));
    CHECK(x.grad().item() == 2);
    backward(scaled(x, 3));
    CHECK(x.grad().item() == 5);
    x.set_grad({});
    backward(scaled(x, 7));
    CHECK(x.grad().item() == 7);
}

TEST_CASE("a gradient handed out is not overwritten by the next pass", "[autograd]") {
    const Tensor x = leaf(1);
    backward(scaled(x, 2));
    const Tensor held = x.grad();
    backward(scaled(x, 3));
    CHECK(held.item() == 2);
    CHECK(x.grad().item() == 5);
}

TEST_CASE("a tensor used twice gets both gradients", "[autograd]") {
    const Tensor x = leaf(5);
    backward(add(x, x));
    CHECK(x.grad().item() == 2);
    const Tensor y = leaf(1), doubled = scaled(y, 2);
    backward(add(doubled, doubled));
    CHECK(y.grad().item() == 4);
}

TEST_CASE("leaves of one sum do not share their gradients' memory once they differ", "[autograd]") {
    const Tensor a = leaf(1), b = leaf(2);
    backward(add(a, b));
    backward(scaled(a, 3));
    CHECK(a.grad().item() == 4);
    CHECK(b.grad().item() == 1);
}

TEST_CASE("a diamond runs each operator once, after all its readers", "[autograd]") {
    int passes = 0;
    const Tensor x = leaf(1);
    const Tensor top = scaled(x, 2, &passes);
    const Tensor left = scaled(top, 3, &passes), right = scaled(scaled(top, 5, &passes), 7, &passes);
    backward(add(add(left, right), top));
    CHECK(x.grad().item() == 2 * (3 + 5 * 7 + 1));
    CHECK(passes == 4);
}

TEST_CASE("only what the loss depends on is run", "[autograd]") {
    int aside = 0;
    const Tensor x = leaf(1), y = leaf(1);
    const Tensor unused = scaled(x, 100, &aside);
    backward(add(scaled(x, 2), scaled(y, 3)));
    CHECK(aside == 0);
    CHECK(x.grad().item() == 2);
    backward(unused);  // its graph is still whole
    CHECK(x.grad().item() == 102);
}

TEST_CASE("an operator without a gradient on its input stops the pass there", "[autograd]") {
    int passes = 0;
    const Tensor x = leaf(1), below = scaled(x, 2, &passes);
    const Tensor cut = record(scalar(1), {below}, [](const Tensor&) { return Gradients{}; });
    backward(cut);
    CHECK(passes == 0);
    CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a second pass over a used graph is refused", "[autograd]") {
    const Tensor x = leaf(1), y = scaled(x, 2), z = scaled(y, 3);
    backward(z);
    CHECK_THROWS_AS(backward(z), UsageError);
    CHECK_THROWS_AS(backward(y), UsageError);
    CHECK_THROWS_AS(backward(scaled(y, 5)), UsageError);
    CHECK(x.grad().item() == 6);
}

TEST_CASE("backward wants one element, or a gradient of the loss's dims", "[autograd]") {
    const Tensor x = uniform({2, 3}, 1).set_requires_grad();
    CHECK_THROWS_AS(backward(scaled(x, 1)), UsageError);
    CHECK_THROWS_AS(backward(scaled(x, 1), Tensor::zeros({3, 2}, DType::f64)), UsageError);
    CHECK_THROWS_AS(backward(scalar(1)), UsageError);
    CHECK_THROWS_AS(backward(Tensor()), UsageError);
    const Tensor diff = uniform({2, 3}, 2), before = diff.clone();
    backward(add(x, x), diff);
    CHECK(std::ranges::equal(diff.values<double>(),
                             before.values<double>()));  // the caller's tensor is not accumulated into
    CHECK(x.grad().values<double>()[4] == 2 * diff.values<double>()[4]);
}

TEST_CASE("a leaf as the loss", "[autograd]") {
    const Tensor x = leaf(3);
    backward(x);
    CHECK(x.grad().item() == 1);
}

TEST_CASE("NoGrad stops recording, nests and ends", "[autograd]") {
    const Tensor x = leaf(1);
    CHECK(grad_enabled());
    {
        const NoGrad outer;
        CHECK_FALSE(grad_enabled());
        {
            const NoGrad inner;
            CHECK_FALSE(scaled(x, 2).requires_grad());
        }
        CHECK_FALSE(grad_enabled());
        bool other = false;
        std::thread([&] { other = grad_enabled(); }).join();
        CHECK(other);  // a thread of its own records
    }
    CHECK(grad_enabled());
    CHECK(scaled(x, 2).requires_grad());
    CHECK_FALSE(scaled(scalar(1), 2).requires_grad());
}

TEST_CASE("leaves are told to require a gradient, results are not", "[autograd]") {
    const Tensor x = leaf(1), y = scaled(x, 2);
    CHECK(y.requires_grad());
    CHECK_THROWS_AS(y.set_requires_grad(), UsageError);
    CHECK_THROWS_AS(y.set_requires_grad(false), UsageError);
    CHECK_THROWS_AS(y.on_grad_ready([](const Tensor&) {}), UsageError);
    CHECK_FALSE(y.detach().requires_grad());
    CHECK_FALSE(x.clone().requires_grad());
    CHECK_FALSE(x.to(DType::f32).requires_grad());
    CHECK_FALSE(x.reshape({1, 1}).requires_grad());
    CHECK_FALSE(x.channel_slice(0, 1).requires_grad());
    x.set_requires_grad(false);
    CHECK_FALSE(scaled(x, 2).requires_grad());
    const Tensor handle = x;
    handle.set_requires_grad();
    CHECK(x.requires_grad());  // one tensor, two handles
    backward(y);
    CHECK_FALSE(y.grad().defined());
    CHECK(handle.grad().item() == 2);
}

TEST_CASE("a hook sees the complete gradient, once a pass, in the order of the pass", "[autograd]") {
    std::vector<std::string> calls;
    const Tensor first = uniform({3, 3}, 1).set_requires_grad(), second = uniform({3, 3}, 2).set_requires_grad();
    const Tensor shared = uniform({3, 3}, 3).set_requires_grad(), src = uniform({2, 3}, 4);
    Tensor seen;
    const auto watch = [&](const Tensor& parameter, const std::string& name) {
        parameter.on_grad_ready([&, name](const Tensor& ready) {
            calls.push_back(name);
            if (name == "shared") seen = ready.grad().clone();
        });
    };
    watch(first, "first");
    watch(second, "second");
    watch(shared, "shared");
    // shared is read by the last operator and by the second one: complete only after both.
    const auto forward = [&] {
        return linear(linear(linear(linear(src, first, {}), shared, {}), second, {}), shared, {});
    };
    Tensor dst = forward();
    backward(dst, uniform(dst.dims(), 5));
    CHECK(calls == std::vector<std::string>{"second", "shared", "first"});
    CHECK(std::ranges::equal(seen.values<double>(), shared.grad().values<double>()));
    const Tensor once = seen;

    dst = forward();
    backward(dst, uniform(dst.dims(), 5));
    CHECK(calls.size() == 6);
    for (std::size_t i = 0; i < 9; ++i)  // the same terms again, perhaps in another order
        CHECK(shared.grad().values<double>()[i] == Approx(2 * once.values<double>()[i]).epsilon(1e-12).margin(1e-14));

    shared.on_grad_ready(nullptr);
    dst = forward();
    backward(dst, uniform(dst.dims(), 5));
    CHECK(calls.size() == 8);
}

TEST_CASE("a hook may use its gradient up", "[autograd]") {
    const Tensor x = leaf(1);
    double got = 0;
    x.on_grad_ready([&](const Tensor& ready) {
        got = ready.grad().item();
        ready.set_grad({});
    });
    backward(add(x, scaled(x, 2)));
    CHECK(got == 3);
    CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a graph frees its memory with its last handle, whether backward ran or not", "[autograd]") {
    const std::size_t before = in_use();
    for (const bool run_backward : {false, true}) {
        {
            const Tensor src = uniform({2, 8, 8, 3}, 1).to(DType::f32).set_requires_grad();
            const Tensor weights = uniform({4, 3, 3, 3}, 2).to(DType::f32).set_requires_grad();
            const Tensor gamma = Tensor::full({4}, 1).set_requires_grad(),
                         beta = Tensor::zeros({4}).set_requires_grad();
            Tensor x = conv2d(src, weights, {}, {1, 1});
            x = batch_norm(x, {gamma, beta, Tensor::zeros({4}), Tensor::full({4}, 1)}, {});
            x = append_channels(wide_buffer(relu(x), 8), x);
            x = global_avg_pool(max_pool(add_relu(x, x), {2, 2, 0}));
            const Tensor loss = cross_entropy(x, Tensor::from<std::int32_t>({1, 7}, {2}));
            if (run_backward) backward(loss);
            CHECK(weights.grad().defined() == run_backward);
            CHECK(in_use() > before);
        }
        INFO("with backward: " << run_backward);
        CHECK(in_use() == before);
    }
}

TEST_CASE("backward frees the activations as it passes", "[autograd]") {
    const Dims dims{1, 64, 64, 16};
    const std::size_t map = static_cast<std::size_t>(dims.elements()) * sizeof(float);
    constexpr int kDepth = 16;
    const Tensor x = uniform(dims, 1).to(DType::f32).set_requires_grad();
    const std::size_t before = in_use();
    std::size_t at_end = 0;
    x.on_grad_ready([&](const Tensor&) { at_end = in_use() - before; });
    Tensor y = x;
    for (int i = 0; i < kDepth; ++i) y = relu(y);
    const Tensor diff = Tensor::full(dims, 1);
    CHECK(in_use() - before >= (kDepth + 1) * map);  // each result is kept by the operator that made it
    Arena::global().reset_peak();
    const std::size_t forward_peak = in_use();
    backward(y, diff);
    // When x's gradient is ready: it, y, diff, and backward's own copy of diff at most.
    CHECK(at_end <= 5 * map);
    // And at no time more than two gradients on top of the forward pass's activations.
    CHECK(Arena::global().statistics().peak <= forward_peak + 3 * map);
}

TEST_CASE("without recording nothing is kept", "[autograd]") {
    const Dims dims{1, 64, 64, 16};
    const std::size_t map = static_cast<std::size_t>(dims.elements()) * sizeof(float);
    const Tensor x = uniform(dims, 1).to(DType::f32).set_requires_grad();
    const std::size_t before = in_use();
    const NoGrad no_grad;
    Tensor y = x;
    for (int i = 0; i < 16; ++i) y = relu(y);
    CHECK(in_use() - before < 2 * map);
}

TEST_CASE("two threads run forward passes without recording", "[autograd]") {
    const Tensor src = uniform({2, 12, 12, 8}, 1).to(DType::f32);
    const Tensor weights = uniform({16, 8, 3, 3}, 2).to(DType::f32).set_requires_grad();
    const Tensor gamma = Tensor::full({16}, 1), beta = Tensor::zeros({16}), mean = Tensor::zeros({16});
    const Tensor variance = Tensor::full({16}, 1);
    BatchNormOptions evaluation;
    evaluation.training = false;
    evaluation.relu = true;
    const auto forward = [&] {
        const NoGrad no_grad;
        return global_avg_pool(batch_norm(conv2d(src, weights, {}, {1, 1}), {gamma, beta, mean, variance}, evaluation));
    };
    const Tensor wanted = forward();
    bool equal[2] = {true, true}, recorded[2] = {false, false};
    const auto work = [&](std::size_t me) {
        for (int i = 0; i < 20; ++i) {
            const Tensor got = forward();
            equal[me] = equal[me] && std::ranges::equal(got.values<float>(), wanted.values<float>());
            recorded[me] = recorded[me] || got.requires_grad();
        }
    };
    std::thread first(work, 0), second(work, 1);
    first.join();
    second.join();
    for (std::size_t i = 0; i < 2; ++i) {
        CHECK(equal[i]);
        CHECK_FALSE(recorded[i]);
    }
    CHECK(grad_enabled());
}
