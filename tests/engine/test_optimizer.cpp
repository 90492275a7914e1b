#include "engine/optimizer.h"

#include <cmath>

#include "kernels/routing/conv2d.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

constexpr std::int64_t kOc = 7, kIc = 5;  // no multiples of a vector: the blocked layout has padding
const kernels::Conv2dGeometry kGeometry{1, kIc, 8, 8, kOc, 3, 3};

double weight(std::int64_t i) { return std::sin(static_cast<double>(i) + 1); }
double gradient(std::int64_t i, int step) { return std::cos(static_cast<double>(i) * 0.7 + step); }

Tensor filled(double (*f)(std::int64_t, int), int step, DType type) {
    Tensor tensor = Tensor::empty({kOc, kIc, 3, 3}, DType::f64);
    for (std::int64_t i = 0; double& value : tensor.values<double>()) value = f(i++, step);
    return tensor.to(type);
}

Tensor weights_of(DType type) {
    return filled([](std::int64_t i, int) { return weight(i); }, 0, type);
}

/// The literature's formulas for one weight, in double.
struct Reference {
    double w, m = 0, v = 0;
    int number = 0;

    void step(const OptimizerOptions& o, double lr, double g) {
        ++number;
        if (o.kind == OptimizerKind::adamw)
            w -= lr * o.weight_decay * w;
        else
            g += o.weight_decay * w;
        if (o.kind == OptimizerKind::sgd) {
            m = number == 1 ? g : o.momentum * m + g;
            w -= lr * (o.nesterov ? g + o.momentum * m : m);
            return;
        }
        m = o.beta1 * m + (1 - o.beta1) * g;
        v = o.beta2 * v + (1 - o.beta2) * g * g;
        const double mean = m / (1 - std::pow(o.beta1, number)), square = v / (1 - std::pow(o.beta2, number));
        w -= lr * mean / (std::sqrt(square) + o.eps);
    }
};

const std::vector<OptimizerOptions> kOptions{{OptimizerKind::sgd, 0, 0},       {OptimizerKind::sgd, 1e-2, 0},
                                             {OptimizerKind::sgd, 0, 0.9},     {OptimizerKind::sgd, 1e-2, 0.9, true},
                                             {OptimizerKind::adam, 1e-2, 0.9}, {OptimizerKind::adamw, 1e-2, 0.9}};

/// The largest difference of a tensor from the references.
double worst(const Tensor& tensor, const std::vector<Reference>& references) {
    const Tensor plain = tensor.contiguous().to(DType::f64);
    double largest = 0;
    for (std::size_t i = 0; i < references.size(); ++i)
        largest = std::max(largest, std::abs(plain.values<double>()[i] - references[i].w));
    return largest;
}

double change(const Tensor& a, double before) { return a.item() - before; }

}  // namespace

TEST_CASE("optimizer: five steps follow the formulas, plain and blocked, with plain and blocked gradients") {
    // A step rounds each of about 10 operations on values below 4 (relative error u each); 5 steps of rate 0.1 add up
    // to less than 5 * 10 * 4 u, with u = 2^-24 for float and 2^-53 for double.
    const auto layout = kernels::preferred_layout(kGeometry, true);
    for (const OptimizerOptions& options : kOptions)
        for (const DType type : {DType::f32, DType::f64})
            for (const bool blocked : {false, true}) {
                if (blocked && type == DType::f64) continue;
                INFO("kind " << static_cast<int>(options.kind) << " " << name(type) << (blocked ? " blocked" : ""));
                const Tensor w = weights_of(type);
                w.set_requires_grad();
                if (blocked) w.set_layout(layout);
                std::vector<Reference> references;
                for (std::int64_t i = 0; i < w.elements(); ++i)
                    references.push_back(
                        {weights_of(type).to(DType::f64).values<double>()[static_cast<std::size_t>(i)]});
                Optimizer optimizer({{"all", {{"w", w}}}}, options);
                for (int step = 0; step < 5; ++step) {
                    const Tensor g = filled(gradient, step, type);
                    for (std::size_t i = 0; i < references.size(); ++i)
                        references[i].step(options, 0.1, g.to(DType::f64).values<double>()[i]);
                    if (blocked && step % 2 == 0) g.set_layout(layout);
                    w.set_grad(g);
                    optimizer.step(0.1);
                }
                CHECK(kernels::same_layout(w.layout(), blocked ? layout : nullptr));
                CHECK(worst(w, references) <= 200 * (type == DType::f32 ? 0x1p-24 : 0x1p-53));
            }
}

TEST_CASE("optimizer: a resumed run goes on to the bit, whatever the layouts") {
    const auto layout = kernels::preferred_layout(kGeometry, true);
    for (const OptimizerOptions& options : kOptions) {
        const Tensor w = weights_of(DType::f32), resumed = weights_of(DType::f32);
        w.set_requires_grad();
        resumed.set_requires_grad();
        w.set_layout(layout);
        const auto run = [](Optimizer& optimizer, const Tensor& tensor, int from, int to) {
            for (int step = from; step < to; ++step) {
                tensor.set_grad(filled(gradient, step, DType::f32));
                optimizer.step(0.1);
            }
        };
        Optimizer first({{"all", {{"w", w}}}}, options);
        run(first, w, 0, 3);
        std::vector<NamedTensor> saved{{"w", w.clone()}, {"unrelated", Tensor::zeros({1})}};
        for (const auto& [name, tensor] : first.state()) {
            CHECK(is_optimizer_state(name));
            saved.push_back({name, tensor.clone()});
        }
        run(first, w, 3, 6);

        resumed.assign(saved.front().tensor);
        Optimizer second({{"all", {{"w", resumed}}}}, options);
        second.load_state(saved);
        resumed.set_layout(layout);  // as the first forward pass does
        run(second, resumed, 3, 6);
        const Tensor a = w.clone(), b = resumed.clone();
        CHECK(std::ranges::equal(a.values<float>(), b.values<float>()));
    }
}

TEST_CASE("optimizer: groups, frozen parameters and parameters without a gradient") {
    const auto one = [] { return Tensor::full({1}, 1, DType::f64); };
    const Tensor a = one(), b = one(), frozen = one(), idle = one();
    for (const Tensor& tensor : {a, b, idle}) tensor.set_requires_grad();
    for (const Tensor& tensor : {a, b, frozen}) tensor.set_grad(one());
    OptimizerOptions options;
    options.momentum = 0;
    options.weight_decay = 0.5;
    Optimizer optimizer({{"a", {{"a", a}, {"frozen", frozen}, {"idle", idle}}, 1, 0}, {"b", {{"b", b}}, 10, 2}},
                        options);
    optimizer.step(0.01);
    // Each is a handful of double operations on values near 1.
    CHECK(change(a, 1) == Approx(-0.01).epsilon(1e-14));
    CHECK(change(b, 1) == Approx(-0.1 * (1 + 0.5 * 2)).epsilon(1e-14));
    CHECK(frozen.item() == 1);
    CHECK(idle.item() == 1);
    CHECK(optimizer.parameters().size() == 4);
    optimizer.zero_grad();
    CHECK(!a.grad());
    CHECK(!b.grad());
}

TEST_CASE("optimizer: Adam counts the updates of each parameter") {
    const Tensor early = Tensor::full({1}, 0, DType::f64), late = Tensor::full({1}, 0, DType::f64);
    for (const Tensor& tensor : {early, late}) tensor.set_requires_grad();
    Optimizer optimizer({{"all", {{"early", early}, {"late", late}}}}, {OptimizerKind::adam});
    for (int step = 0; step < 5; ++step) {
        early.set_grad(Tensor::full({1}, 2, DType::f64));
        if (step == 4) late.set_grad(Tensor::full({1}, 2, DType::f64));
        optimizer.step(0.1);
    }
    CHECK(late.item() == Approx(-0.1).epsilon(1e-7));  // the first update is lr * g / (|g| + eps)
    const auto state = optimizer.state();
    REQUIRE(state.size() == 6);
    CHECK(state[2].name == "adam_step.early");
    CHECK(state[2].tensor.item() == 5);
    CHECK(state[5].tensor.item() == 1);
}

TEST_CASE("optimizer: a state that does not fit changes nothing") {
    const Tensor w = Tensor::full({2}, 1);
    w.set_requires_grad();
    w.set_grad(Tensor::full({2}, 1));
    Optimizer sgd({{"all", {{"w", w}}}}, {});
    sgd.step(0.1);
    const Tensor two = Tensor::zeros({2}), number = Tensor::from({std::int32_t{1}}, {1});
    CHECK_THROWS_AS(sgd.load_state({{"momentum.w", Tensor::zeros({3})}}), InputError);
    CHECK_THROWS_AS(sgd.load_state({{"momentum.w", Tensor::zeros({2}, DType::s32)}}), InputError);
    CHECK_THROWS_AS(sgd.load_state({{"momentum.other", two}}), InputError);
    CHECK_THROWS_AS(sgd.load_state({{"exp_avg.w", two}}), InputError);
    REQUIRE(sgd.state().size() == 1);
    CHECK(sgd.state().front().tensor.values<float>()[0] == 1.0F);
    Optimizer adam({{"all", {{"w", w}}}}, {OptimizerKind::adam});
    CHECK_THROWS_AS(adam.load_state({{"exp_avg.w", two}, {"exp_avg_sq.w", two}}), InputError);
    CHECK_THROWS_AS(
        adam.load_state({{"exp_avg.w", two}, {"exp_avg_sq.w", two}, {"adam_step.w", Tensor::zeros({1}, DType::s32)}}),
        InputError);
    adam.load_state({{"exp_avg.w", two}, {"exp_avg_sq.w", two}, {"adam_step.w", number}});
    CHECK(adam.state().size() == 3);
}

TEST_CASE("optimizer: options and parameters that make no sense") {
    const Tensor w = Tensor::zeros({2});
    const auto build = [&](auto change_options) {
        OptimizerOptions options;
        change_options(options);
        Optimizer({{"all", {{"w", w}}}}, options);
    };
    CHECK_THROWS_AS(build([](auto& o) { o.weight_decay = -1; }), UsageError);
    CHECK_THROWS_AS(build([](auto& o) { o.momentum = 1; }), UsageError);
    CHECK_THROWS_AS(build([](auto& o) { o.beta2 = std::nan(""); }), UsageError);
    CHECK_THROWS_AS(build([](auto& o) { o.eps = 0; }), UsageError);
    CHECK_THROWS_AS(build([](auto& o) { o.nesterov = true, o.momentum = 0; }), UsageError);
    CHECK_THROWS_AS(Optimizer({{"a", {{"w", w}}}, {"b", {{"w", w}}}}, {}), UsageError);
    CHECK_THROWS_AS(Optimizer({{"a", {{"w", Tensor::zeros({2}, DType::u8)}}}}, {}), UsageError);
    CHECK_THROWS_AS(Optimizer({{"a", {{"w", w}}, -1}}, {}), UsageError);
    CHECK_THROWS_AS(optimizer_kind("rmsprop"), UsageError);
    CHECK(optimizer_kind("adamw") == OptimizerKind::adamw);
}

TEST_CASE("LARS moves each decayed parameter by its own norm, the others as SGD does", "[optimizer]") {
    const auto values = [](std::initializer_list<double> list) {
        return Tensor::from(list, {static_cast<std::int64_t>(list.size())});
    };
    const Tensor w = values({3, 4}).set_requires_grad(), b = values({2}).set_requires_grad(),
                 zero = values({0, 0}).set_requires_grad();
    OptimizerOptions options{OptimizerKind::lars, 0.5, 0.9};
    options.trust = 0.01;
    Optimizer lars({{"weights", {{"w", w}, {"zero", zero}}}, {"vectors", {{"b", b}}, 1, 0}}, options);
    double velocity[2] = {}, weights[2] = {3, 4};
    const double g[2] = {6, -8};
    for (int step = 0; step < 3; ++step) {
        w.set_grad(values({g[0], g[1]}));
        b.set_grad(values({1}));
        zero.set_grad(values({0, 1}));
        lars.step(0.1);
        const double norm = std::hypot(weights[0], weights[1]), factor = 0.01 * norm / (10 + 0.5 * norm);
        for (int i = 0; i < 2; ++i) {
            velocity[i] = 0.9 * velocity[i] + factor * (g[i] + 0.5 * weights[i]);
            weights[i] -= 0.1 * velocity[i];
            CHECK(w.data<double>()[i] == Approx(weights[i]).epsilon(1e-14));
        }
    }
    CHECK(b.item() == Approx(2 - 0.1 * (1 + 1.9 + 2.71)));
    CHECK(zero.data<double>()[1] < 0);
    CHECK(lars.state().size() == 3);
    CHECK(optimizer_kind("lars") == OptimizerKind::lars);
}
