// The quantized form of a convolution.
#include "graph/ops/conv.h"

#include <algorithm>
#include <cmath>

#include "graph/ops/quant_conv.h"
#include "graph/quantize/factors.h"
#include "graph/quantize/pass.h"
#include "graph/quantize/reading.h"
#include "kernels/parallel.h"

namespace keel::graph {
namespace {

constexpr double kLevels = 127;  // of weights, on each side of 0
/// A clamp is left for an affine where it would make this much more noise.
constexpr double kWorse = 2;

/// Rounds weights times the factors of the channels that they meet to s8, symmetric, the largest of each output channel
/// to 127.
RoundedWeights round_weights(const Conv& conv, const std::vector<double>& factor) {
    const WeightExtents e(conv);
    const std::int64_t count = e.of_output();
    RoundedWeights rounded{Tensor::empty(conv.weights.dims(), DType::s8),
                           std::vector<double>(static_cast<std::size_t>(e.oc))};
    parallel_for(e.oc, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t o = begin; o < end; ++o) {
            const float* from = conv.weights.data<float>() + o * count;
            std::int8_t* to = rounded.values.data<std::int8_t>() + o * count;
            const auto scaled = [&](std::int64_t i) { return double{from[i]} * factor[e.channel(o, i)]; };
            double most = 0;
            for (std::int64_t i = 0; i < count; ++i) most = std::max(most, std::abs(scaled(i)));
            const double step = most > 1e-30 ? most / kLevels : 1;
            rounded.step[static_cast<std::size_t>(o)] = step;
            for (std::int64_t i = 0; i < count; ++i)
                to[i] = static_cast<std::int8_t>(std::clamp(std::nearbyint(scaled(i) / step), -kLevels, kLevels));
        }
    });
    return rounded;
}

/// Returns the sum over output channels of the noise that rounding weights and src makes: a weight's error of step /
/// sqrt(12) meets quantized values of mean square `square` (in units of x), a value's of factor / sqrt(12) meets
/// weights.
double noise_of(const Conv& conv, const QuantReading& src, const std::vector<double>& square) {
    const WeightExtents e(conv);
    double noise = 0;
    for (std::int64_t o = 0; o < e.oc; ++o) {
        const float* w = conv.weights.data<float>() + o * e.of_output();
        double most = 0, values = 0, products = 0;
        for (std::int64_t i = 0; i < e.of_output(); ++i) {
            const std::size_t c = e.channel(o, i);
            const double scaled = double{w[i]} * src.factor[c];
            most = std::max(most, std::abs(scaled));
            products += scaled * scaled;
            if (src.factor[c] != 0) values += square[c] / (src.factor[c] * src.factor[c]);
        }
        noise += (most / kLevels) * (most / kLevels) * values + products;
    }
    return noise / 12;
}

QuantReading reading_of(const QuantizePass& pass, const std::vector<QuantParams>& src, const Conv& conv) {
    if (!conv.prologue) return read_plain(src);
    const NodeCalibration& statistics = pass.calibration();
    const std::vector<QuantParams> to(src.size(), quant_params(statistics.prologue, pass.method()));
    QuantReading affine = read_requantized(src, *conv.prologue, to);
    const bool has_constant = std::ranges::any_of(conv.prologue->scale, [](float g) { return g == 0; });
    if (conv.window.padded() || has_constant) return affine;  // what stands for 0 must be whole
    QuantReading clamp = read_clamped(src, *conv.prologue);
    const std::vector<double>& square = statistics.prologue_square;
    return noise_of(conv, clamp, square) <= kWorse * noise_of(conv, affine, square) ? clamp : affine;
}

/// ends_with_codes() of the codes that dst will have.
bool ends_with_chosen(const kernels::Activation& activation, QuantizePass& pass, const Value& dst) {
    if (!pass.quantized(dst)) return false;
    const std::vector<QuantParams> before = pass.params_of(dst);  // the residual's, where dst takes its buffer
    pass.choose_params(dst);
    const std::vector<QuantParams> chosen = pass.params_of(dst);
    pass.set_params(dst, before);
    return ends_with_codes(activation, chosen);
}

}  // namespace

bool Conv::quantize(QuantizePass& pass, const Node& node) const {
    if (!window.even() || (activation && !ends_with_chosen(*activation, pass, node.dst))) return false;
    const Value from = pass.quantized_of(node.src);
    const QuantReading src = reading_of(pass, pass.params_of(from), *this);
    const RoundedWeights rounded = round_weights(*this, src.factor);
    ConvParams params;
    if (residual) params.residual = pass.params_of(pass.quantized_of(*residual));
    pass.choose_params(node.dst);  // it may take the residual's buffer
    params.dst = pass.params_or_floats(node.dst);
    QuantConv op;
    op.weights = rounded.values;
    op.options = window.options();
    op.prologue = src.prologue;
    if (window.padded() && std::ranges::any_of(src.offset, [](double z) { return z != 0; }))
        for (const double zero : src.offset) op.pad.push_back(static_cast<std::uint8_t>(zero));
    op.relu = relu || activation;
    op.zero = params.dst.front().zero;
    set_factors(*this, rounded, src.offset, params, op);
    if (residual) op.residual = pass.quantized_of(*residual);
    QuantizedNode& made = pass.complete(node, from, node.dst, std::move(op));
    made.arithmetic = src.arithmetic;
    made.offset = src.offset;
    return true;
}

}  // namespace keel::graph
