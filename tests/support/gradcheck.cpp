#include "tests/support/gradcheck.h"

#include <cmath>
#include <sstream>

#include "kernels/cpu.h"
#include "kernels/random.h"
#include "tests/support/catch.h"

namespace keel::test {
namespace {

std::string sentence(const std::string& who, const std::string& what, std::size_t element, double got, double wanted,
                     double tolerance) {
    std::ostringstream text;
    text.precision(12);
    text << "[" << who << "] " << what << ", element " << element << ": wanted " << wanted << " within " << tolerance
         << ", got " << got;
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
    for (double& value : tensor.values<double>())
        value = double{random.uniform(static_cast<float>(low), static_cast<float>(high))};
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
    const gradcheck::Report report = gradcheck::check(f, inputs);
    return report.passed() ? "" : "[" + who + "] " + report.text();
}

std::string precision_mismatch(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs,
                               const Rounding& rounding) {
    // A sum of k terms in any order is off by at most (k - 1) u / (1 - (k - 1) u) times the sum of their magnitudes
    // (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 4.2). Each term carries a few more
    // roundings (a product, a quotient, a root, an exp of a few units in the last place) and so does what is done with
    // the sum: 16 covers them.
    constexpr double kUnitRoundoff = 0x1p-24;
    const double tolerance = static_cast<double>(rounding.additions + 16) * kUnitRoundoff * rounding.magnitude;
    const gradcheck::Outcome wanted = gradcheck::run(f, inputs, DType::f64);
    for (const Isa& isa : available_isas()) {
        const IsaScope scope(isa);
        const std::string on = " on " + std::string(isa.name);
        const gradcheck::Outcome got = gradcheck::run(f, inputs, DType::f32);
        std::string difference = first_difference(who, "result" + on, got.dst, wanted.dst, tolerance);
        for (std::size_t k = 0; k < inputs.size() && difference.empty(); ++k)
            difference = first_difference(who, "gradient of input " + std::to_string(k) + on, got.gradients[k],
                                          wanted.gradients[k], tolerance);
        if (!difference.empty()) return difference;
    }
    return "";
}

void check_gradients(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs) {
    CHECK(gradient_mismatch(who, f, inputs) == "");
}

void check_operator(const std::string& who, const Operator& f, const std::vector<Tensor>& inputs,
                    const Rounding& rounding) {
    check_gradients(who, f, inputs);
    CHECK(precision_mismatch(who, f, inputs, rounding) == "");
}

}  // namespace keel::test
