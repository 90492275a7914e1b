#include "engine/gradcheck.h"

#include <cmath>
#include <sstream>

#include "engine/autograd.h"
#include "kernels/parallel.h"
#include "kernels/random.h"

namespace keel::gradcheck {
namespace {

Tensor cotangent_of(const Dims& dims) {
    Tensor tensor = Tensor::empty(dims, DType::f64);
    Random random(0xC07A, Draw::bench);
    for (double& value : tensor.values<double>()) value = double{random.uniform(-1, 1)};
    return tensor;
}

/// sum over i of cotangent[i] * f(inputs)[i]
double contracted(const Function& f, const std::vector<Tensor>& inputs, const Tensor& cotangent) {
    const NoGrad no_grad;
    const Tensor dst = f(inputs).contiguous();
    double sum = 0;
    for (std::size_t i = 0; i < dst.values<double>().size(); ++i)
        sum += cotangent.values<double>()[i] * dst.values<double>()[i];
    return sum;
}

constexpr double kStep = 0x1p-17;

/// (s(x + h) - s(x - h)) / 2h misses the derivative of s = sum c y by h^2 s''' / 6 (truncation) and by the rounding
/// error of s over h. With inputs of order 1 and length scales of at least 1/10 (the least: the deviation that batch
/// normalization divides by), |s'''| <= 10^3 m, where m = sum |c| (1 + |y|). A sum of n terms is off by at most n eps
/// m; n is the elements of the result (the contraction) and of all inputs (more than any sum in the operator has). Near
/// h = (eps)^(1/3) both terms are small; a power of two makes x + h and x - h exact to the last bits.
double tolerance_of(const Tensor& dst, const Tensor& cotangent, const std::vector<Tensor>& inputs) {
    constexpr double kThirdDerivative = 1e3, kEps = 0x1p-52;
    double m = 0;
    auto n = static_cast<double>(dst.elements());
    for (std::size_t i = 0; i < dst.values<double>().size(); ++i)
        m += std::abs(cotangent.values<double>()[i]) * (1 + std::abs(dst.values<double>()[i]));
    for (const Tensor& input : inputs) n += static_cast<double>(input.elements());
    return m * (kStep * kStep * kThirdDerivative / 6 + n * kEps / kStep);
}

}  // namespace

Outcome run(const Function& f, const std::vector<Tensor>& inputs, DType type) {
    std::vector<Tensor> leaves;
    for (const Tensor& input : inputs) leaves.push_back(input.to(type).clone().set_requires_grad());
    const Tensor dst = f(leaves);
    backward(dst, cotangent_of(dst.dims()).to(type));
    Outcome outcome{dst.contiguous().to(DType::f64), {}};
    for (const Tensor& leaf : leaves)
        outcome.gradients.push_back(leaf.grad() ? leaf.grad().contiguous().to(DType::f64)
                                                : Tensor::zeros(leaf.dims(), DType::f64));
    return outcome;
}

std::string Report::text() const {
    std::ostringstream text;
    text.precision(12);
    text << "gradient of input " << input << ", element " << element << ": wanted " << difference << " within "
         << tolerance << ", got " << gradient;
    return text.str();
}

Report check(const Function& f, const std::vector<Tensor>& inputs) {
    for (const Tensor& input : inputs)
        if (input.dtype() != DType::f64)
            throw UsageError("[gradcheck] wanted f64 inputs, got " + std::string(name(input.dtype())));
    const Outcome outcome = run(f, inputs, DType::f64);
    const Tensor cotangent = cotangent_of(outcome.dst.dims());
    Report report{.tolerance = tolerance_of(outcome.dst, cotangent, inputs)};

    // The differences run thousands of operators too small for a team, whose threads would only be waited for.
    const ThreadScope one_thread(1);
    std::vector<Tensor> x;
    for (const Tensor& input : inputs) x.push_back(input.clone());
    for (std::size_t k = 0; k < x.size(); ++k) {
        const auto values = x[k].values<double>(), gradients = outcome.gradients[k].values<double>();
        for (std::size_t i = 0; i < values.size(); ++i) {
            const double before = values[i];
            values[i] = before + kStep;
            const double above = contracted(f, x, cotangent);
            values[i] = before - kStep;
            const double below = contracted(f, x, cotangent);
            values[i] = before;
            const double difference = (above - below) / (2 * kStep), error = std::abs(gradients[i] - difference);
            if (error <= report.error) continue;
            report = {error, report.tolerance, k, i, gradients[i], difference};
            if (std::isnan(error)) return report;
        }
    }
    return report;
}

}  // namespace keel::gradcheck
