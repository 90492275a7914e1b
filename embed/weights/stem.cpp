#include "embed/weights/stem.h"

#include <algorithm>

namespace keel {
namespace {

/// Sums {oc, ic, kh, kw} over ic and spreads the mean of the sum over `channels`.
Tensor spread(const Tensor& weight, std::int64_t channels) {
    const Tensor old = weight.to(DType::f64).contiguous();
    const std::int64_t filters = old.dim(0), before = old.dim(1), area = old.dim(2) * old.dim(3);
    std::vector<double> values(static_cast<std::size_t>(filters * channels * area));
    const auto from = old.values<double>();
    for (std::int64_t filter = 0; filter < filters; ++filter)
        for (std::int64_t i = 0; i < area; ++i) {
            double sum = 0;
            for (std::int64_t c = 0; c < before; ++c)
                sum += from[static_cast<std::size_t>((filter * before + c) * area + i)];
            for (std::int64_t c = 0; c < channels; ++c)
                values[static_cast<std::size_t>((filter * channels + c) * area + i)] =
                    sum / static_cast<double>(channels);
        }
    return Tensor::from(std::span<const double>(values), {filters, channels, old.dim(2), old.dim(3)})
        .to(weight.dtype());
}

}  // namespace

std::string fit_stem(const std::vector<NamedTensor>& state, std::vector<NamedTensor>& weights) {
    const auto first = std::ranges::find_if(state, [](const NamedTensor& each) { return each.tensor.rank() == 4; });
    if (first == state.end()) return "";
    const auto given = std::ranges::find(weights, first->name, &NamedTensor::name);
    if (given == weights.end() || given->tensor.rank() != 4) return "";
    const Dims &wanted = first->tensor.dims(), &has = given->tensor.dims();
    const bool same_kernels = wanted[0] == has[0] && wanted[2] == has[2] && wanted[3] == has[3];
    if (!same_kernels || wanted[1] == has[1] || (has[1] != 1 && has[1] != 3)) return "";
    given->tensor = spread(given->tensor, wanted[1]);
    return given->name;
}

}  // namespace keel
