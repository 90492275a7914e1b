#include "tests/support/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "engine/autograd.h"
#include "kernels/cpu.h"
#include "kernels/parallel.h"
#include "kernels/random.h"
#include "tests/support/catch.h"

namespace keel::test {
namespace {

/// One thread for a while: the differences run thousands of operators too small for a team, which would wait for its threads only.
class Alone {
public:
    Alone() : before_(thread_count()) { set_thread_count(1); }
    ~Alone() { set_thread_count(before_); }
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

private:
    int before_;
};

/// f's result and the gradients of its inputs, all f64.
struct Outcome {
    Tensor dst;
    std::vector<Tensor> gradients;
};

std::vector<Tensor> leaves(const std::vector<Tensor>& inputs, DType type) {
    std::vector<Tensor> result;
    for (const Tensor& input : inputs) result.push_back(input.to(type).clone().set_requires_grad());
    return result;
}

Tensor cotangent_of(const Dims& dims) { return uniform(dims, 0xC07A); }

Outcome run(const Operator& f, const std::vector<Tensor>& inputs, DType type) {
    const std::vector<Tensor> x = leaves(inputs, type);
    const Tensor dst = f(x);
    backward(dst, cotangent_of(dst.dims()).to(type));
    Outcome outcome{dst.contiguous().to(DType::f64), {}};
    for (const Tensor& leaf : x)
        outcome.gradients.push_back(leaf.grad() ? leaf.grad().contiguous().to(DType::f64) : Tensor::zeros(leaf.dims(), DType::f64));
    return outcome;
}

/// sum over i of cotangent[i] * f(inputs)[i]
double contracted(const Operator& f, const std::vector<Tensor>& inputs, const Tensor& cotangent) {
    const NoGrad no_grad;
    const Tensor dst = f(inputs).contiguous();
    double sum = 0;
    for (std::size_t i = 0; i < dst.values<double>().size(); ++i) sum += cotangent.values<double>()[i] * dst.values<double>()[i];
    return sum;
}

std::string sentence(const std::string& who, const std::string& what, std::size_t element, double got, double wanted,
                     double tolerance) {
    std::ostringstream text;
    text.precision(12);
    text << "[" << who << "] " << what << ", element " << element << ": wanted " << wanted << " within " << tolerance << ", got "
         << got;
    return text.str();
}

std::string first_difference(const std::string& who, const std::string& what, const Tensor& got, const Tensor& wanted,
                             double tolerance) {
    if (got.dims() != wanted.dims()) return "[" + who + "] " + what + ": dims " + got.dims().text();
    for (std::size_t i = 0; i < got.values<double>().size(); ++i)
        if (!(std::abs(got.values<double>()[i] - wanted.values<double>()[i]) <= tolerance))
            return sentence(who, what, i, got.values<double>()[i], wanted.values<double>()[i], tolerance);
    return "";
}

}  // namespace

Tensor uniform(const Dims& dims, std::uint64_t seed, double low, double high) {
    Tensor tensor = Tensor::empty(dims, DType::f64);
    Random random(seed, Draw::bench);
    for (double& value : tensor.values<double>()) value = double{random.uniform(static_cast<float>(low), static_cast<float>(high))};
    return tensor;
}

Tensor away_from_zero(const Dims& dims, std::uint64_t seed) {
    Tensor tensor = uniform(dims, seed, -0.9, 0.9);
    for (double& value : tensor.values<double>()) value = double{static_cast<float>(value + (value < 0 ? -0.1 : 0.1))};
    return tensor;
}

Tensor distinct(const Dims& dims, std::uint64_t seed) {
    Tensor tensor = Tensor::empty(dims, DType::f64);
    const auto values = tensor.values<double>();
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = double{static_cast<float>(i + 1) / static_cast<float>(values.size())};
    Random random(seed, Draw::bench);
    shuffle(values.begin(), values.end(), random);
    return tensor;
}

std::string gradient_mismatch(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs) {
    // (s(x + h) - s(x - h)) / 2h misses the derivative of s = sum c y by h^2 s''' / 6 (truncation) and by the rounding error of s
    // over h. With inputs of order 1 and length scales of at least 1/10 (the least: the deviation that batch normalisation divides
    // by), |s'''| <= 10^3 m, where m = sum |c| (1 + |y|). A sum of n terms is off by at most n eps m; n is the elements of the
    // result (the contraction) and of all inputs (more than any sum in the operator has). Near h = (eps)^(1/3) both terms are
    // small; a power of two makes x + h and x - h exact to the last bits.
    constexpr double kStep = 0x1p-17, kThirdDerivative = 1e3, kEps = 0x1p-52;
    const Outcome outcome = run(f, inputs, DType::f64);
    const Tensor cotangent = cotangent_of(outcome.dst.dims());
    double m = 0;
    auto n = static_cast<double>(outcome.dst.elements());
    for (std::size_t i = 0; i < outcome.dst.values<double>().size(); ++i)
        m += std::abs(cotangent.values<double>()[i]) * (1 + std::abs(outcome.dst.values<double>()[i]));
    for (const Tensor& input : inputs) n += static_cast<double>(input.elements());
    const double tolerance = m * (kStep * kStep * kThirdDerivative / 6 + n * kEps / kStep);

    const Alone alone;
    std::vector<Tensor> x;
    for (const Tensor& input : inputs) x.push_back(input.clone());
    for (std::size_t k = 0; k < x.size(); ++k) {
        Tensor wanted = Tensor::empty(x[k].dims(), DType::f64);
        for (std::size_t i = 0; i < wanted.values<double>().size(); ++i) {
            double& value = x[k].values<double>()[i];
            const double before = value;
            value = before + kStep;
            const double above = contracted(f, x, cotangent);
            value = before - kStep;
            const double below = contracted(f, x, cotangent);
            value = before;
            wanted.values<double>()[i] = (above - below) / (2 * kStep);
        }
        const std::string difference =
            first_difference(who, "gradient of input " + std::to_string(k), outcome.gradients[k], wanted, tolerance);
        if (!difference.empty()) return difference;
    }
    return "";
}

std::string precision_mismatch(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs,
                               const Rounding& rounding) {
    // A sum of k terms in any order is off by at most (k - 1) u / (1 - (k - 1) u) times the sum of their magnitudes (Higham,
    // "Accuracy and Stability of Numerical Algorithms", 2002, section 4.2). Each term carries a few more roundings (a product, a
    // quotient, a root, an exp of a few units in the last place) and so does what is done with the sum: 16 covers them.
    constexpr double kUnitRoundoff = 0x1p-24;
    const double tolerance = static_cast<double>(rounding.additions + 16) * kUnitRoundoff * rounding.magnitude;
    const Outcome wanted = run(f, inputs, DType::f64);
    for (const Isa& isa : available_isas()) {
        const IsaScope scope(isa);
        const std::string on = " on " + std::string(isa.name);
        const Outcome got = run(f, inputs, DType::f32);
        std::string difference = first_difference(who, "result" + on, got.dst, wanted.dst, tolerance);
        for (std::size_t k = 0; k < inputs.size() && difference.empty(); ++k)
            difference = first_difference(who, "gradient of input " + std::to_string(k) + on, got.gradients[k], wanted.gradients[k],
                                          tolerance);
        if (!difference.empty()) return difference;
    }
    return "";
}

void check_gradients(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs) {
    CHECK(gradient_mismatch(who, f, inputs) == "");
}

void check_operator(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs, const Rounding& rounding) {
    check_gradients(who, f, inputs);
    CHECK(precision_mismatch(who, f, inputs, rounding) == "");
}

}  // namespace keel::test
