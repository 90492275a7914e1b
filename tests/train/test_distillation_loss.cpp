// What a student loses against its teachers: the formulas, their gradients, where they end.
#include "train/distill/distillation_loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/autograd.h"
#include "engine/ops.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"

using namespace keel;
using namespace keel::test;

namespace {

using Values = std::vector<double>;

Values softened(const Values& logits, double temperature) {
    Values p;
    double sum = 0;
    for (const double x : logits) sum += p.emplace_back(std::exp(x / temperature));
    for (double& each : p) each /= sum;
    return p;
}

double logistic_of(double x) { return 1 / (1 + std::exp(-x)); }

double divergence(const Values& q, const Values& p) {
    double sum = 0;
    for (std::size_t k = 0; k < p.size(); ++k) sum += q[k] * std::log(q[k] / p[k]);
    return sum;
}

Values row_of(const Tensor& tensor, std::size_t row) {
    const auto width = static_cast<std::size_t>(tensor.dim(1));
    const Tensor all = tensor.to(DType::f64);
    const auto values = all.values<double>().subspan(row * width, width);
    return {values.begin(), values.end()};
}

Tensor attention_tensor(const Tensor& map) {
    const Values values = attention_of(map);
    return Tensor::from(std::span<const double>(values), {map.dim(0), map.dim(1) * map.dim(2)}).to(DType::f32);
}

}  // namespace

TEST_CASE("the loss of classes is the divergence of softened softmaxes", "[distillation]") {
    const Tensor student = uniform({2, 3}, 1, -3, 3), teacher = uniform({2, 3}, 2, -3, 3);
    for (const double t : {1.0, 2.5, 20.0}) {
        double wanted = 0;
        for (std::size_t i = 0; i < 2; ++i)
            wanted += t * t * divergence(softened(row_of(teacher, i), t), softened(row_of(student, i), t)) / 2;
        CHECK(distillation_loss(student, teacher.to(DType::f32), {}, true, t).item() == Approx(wanted).epsilon(1e-12));
    }
}

TEST_CASE("the loss of labels is the mean divergence of both outcomes of each", "[distillation]") {
    const Tensor student = uniform({2, 3}, 1, -3, 3), teacher = uniform({2, 3}, 2, -3, 3);
    for (const double t : {1.0, 2.5}) {
        double wanted = 0;
        for (std::size_t i = 0; i < 2; ++i)
            for (std::size_t k = 0; k < 3; ++k) {
                const double q = logistic_of(row_of(teacher, i)[k] / t), p = logistic_of(row_of(student, i)[k] / t);
                wanted += t * t * divergence({q, 1 - q}, {p, 1 - p}) / 6;
            }
        CHECK(distillation_loss(student, teacher.to(DType::f32), {}, false, t).item() == Approx(wanted).epsilon(1e-12));
    }
}

TEST_CASE("several teachers are the mean of their softened probabilities", "[distillation]") {
    const Tensor student = uniform({1, 3}, 1, -3, 3), teachers = uniform({1, 6}, 2, -3, 3);
    const Values both = row_of(teachers, 0), first(both.begin(), both.begin() + 3),
                 second(both.begin() + 3, both.end());
    Values q = softened(first, 2);
    for (std::size_t k = 0; k < 3; ++k) q[k] = (q[k] + softened(second, 2)[k]) / 2;
    CHECK(distillation_loss(student, teachers.to(DType::f32), {}, true, 2).item() ==
          Approx(4 * divergence(q, softened(row_of(student, 0), 2))).epsilon(1e-12));
}

TEST_CASE("distillation has the gradient of its formula, in float as in double", "[distillation][gradcheck]") {
    for (const bool classes : {false, true})
        for (const double temperature : {1.0, 3.0})
            for (const std::int64_t count : {1, 2}) {
                const Tensor teachers = uniform({3, 4 * count}, 7, -4, 4).to(DType::f32);
                const std::vector<float> weights{0.5F, 2, 0.5F};
                const auto f = [&](const std::vector<Tensor>& x) {
                    return distillation_loss(x[0], teachers, weights, classes, temperature);
                };
                // All is made in double and rounded once; a logit of up to 4 that is off by 2^-24 of it moves the loss
                // by at most its gradient, which is below the temperature times the largest weight.
                check_operator("distillation_loss", f, {uniform({3, 4}, 1, -4, 4)}, {4, 4 * temperature * 2 * 4});
            }
}

TEST_CASE("a student that says what its teacher says loses nothing and is not moved", "[distillation]") {
    for (const bool classes : {false, true}) {
        const Tensor teacher = uniform({2, 3}, 3, -30, 30).to(DType::f32);
        const Tensor student = teacher.clone().set_requires_grad();
        const Tensor loss = distillation_loss(student, teacher, {}, classes, 4);
        backward(loss);
        CHECK(std::abs(loss.item()) <= 1e-14);
        for (const float g : student.grad().values<float>()) CHECK(std::abs(g) <= 1e-14F);
    }
}

TEST_CASE("teachers and students that are sure, rightly or wrongly, have finite losses", "[distillation]") {
    for (const double size : {100.0, 1e4, 3e38})
        for (const bool classes : {false, true}) {
            const auto s = static_cast<float>(size);
            const Tensor teacher = Tensor::from({s, -s, 0.0F}, {1, 3});
            const Tensor student = Tensor::from({-20.0F, 20.0F, 0.0F}, {1, 3}).set_requires_grad();
            const Tensor loss = distillation_loss(student, teacher, {}, classes, 1);
            backward(loss);
            // Each of the wrong answers costs about their distance, 40 of classes, 20 of each of two of three labels.
            CHECK(loss.item() == Approx(classes ? 40 : 40.0 / 3).epsilon(1e-3));
            for (const float g : student.grad().values<float>()) CHECK(std::isfinite(g));
        }
}

TEST_CASE("a loss against teachers refuses what does not fit", "[distillation]") {
    const Tensor logits = uniform({2, 3}, 1), teacher = uniform({2, 3}, 1).to(DType::f32);
    CHECK_THROWS_AS(distillation_loss(logits, uniform({2, 4}, 1), {}, true, 1), UsageError);
    CHECK_THROWS_AS(distillation_loss(logits, uniform({1, 3}, 1), {}, true, 1), UsageError);
    CHECK_THROWS_AS(distillation_loss(logits, teacher, std::vector<float>{1}, true, 1), UsageError);
    for (const double temperature : {0.0, -1.0, std::nan("")})
        CHECK_THROWS_AS(distillation_loss(logits, teacher, {}, true, temperature), UsageError);
    CHECK_THROWS_AS(attention_loss(logits, std::vector<float>(2), 1, 1, {}), UsageError);
    CHECK_THROWS_AS(attention_loss(uniform({2, 2, 2, 3}, 1), std::vector<float>(7), 2, 2, {}), UsageError);
}

TEST_CASE("attention is where a map is large, of unit length", "[distillation]") {
    const Tensor map = Tensor::from({3.0F, 0.0F, 0.0F, 2.0F}, {1, 1, 2, 2});
    CHECK(attention_of(map)[0] == Approx(9 / std::sqrt(97)).epsilon(1e-12));
    CHECK(attention_of(map)[1] == Approx(4 / std::sqrt(97)).epsilon(1e-12));
    CHECK(attention_of(Tensor::zeros({1, 2, 2, 3})) == Values(4));
    const Tensor halves = Tensor::from({3.0F, 0.0F, 0.0F, 2.0F}, {1, 1, 2, 2}).to(DType::bf16);
    CHECK(attention_of(halves) == attention_of(map));
}

TEST_CASE("attention has the gradient of its formula, on grids of any two sizes", "[distillation][gradcheck]") {
    const std::vector<std::pair<Dims, Dims>> grids{{{2, 3, 3, 2}, {2, 3, 3, 4}},
                                                   {{2, 4, 4, 2}, {2, 2, 2, 3}},
                                                   {{2, 2, 2, 3}, {2, 5, 4, 2}},
                                                   {{2, 5, 2, 2}, {2, 3, 4, 2}}};
    for (const auto& [student, teacher] : grids) {
        const Tensor wanted = attention_tensor(uniform(teacher, 5));
        const std::vector<float> weights{1.5F, 0.5F};
        const auto f = [&](const std::vector<Tensor>& x) {
            return attention_loss(x[0], wanted.values<float>(), teacher[1], teacher[2], weights);
        };
        check_operator("attention_loss", f, {away_from_zero(student, 1)}, {8, 80});
    }
}

TEST_CASE("a map that looks where its teacher does loses nothing", "[distillation]") {
    const Tensor map = uniform({2, 3, 3, 4}, 1);
    const Tensor wanted = attention_tensor(map);
    // The teacher's values are rounded to floats: 2^-24 of at most 1 each.
    CHECK(attention_loss(map, wanted.values<float>(), 3, 3, {}).item() <= 9 * 0x1p-48);
    // A map of zeros looks nowhere: its distance is the length of the teacher's, and there is no way to go.
    const Tensor zeros = Tensor::zeros({2, 3, 3, 4}, DType::f64).set_requires_grad();
    const Tensor loss = attention_loss(zeros, wanted.values<float>(), 3, 3, {});
    backward(loss);
    CHECK(loss.item() == Approx(1).epsilon(1e-6));
    for (const double g : zeros.grad().values<double>()) CHECK(g == 0);
}
