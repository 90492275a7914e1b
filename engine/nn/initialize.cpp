#include <cmath>

#include "engine/nn/layers.h"
#include "kernels/random.h"

namespace keel::nn {
namespace {

void fill_normal(const Tensor& tensor, double std, Random random) {
    for (float& value : tensor.values<float>()) value = static_cast<float>(std * double{random.normal()});
}

void fill_uniform(const Tensor& tensor, double bound, Random random) {
    for (float& value : tensor.values<float>())
        value = random.uniform(static_cast<float>(-bound), static_cast<float>(bound));
}

}  // namespace

void initialize(Module& module, const Initialization& how, std::uint64_t seed) {
    std::uint64_t place = 0;
    const auto next = [&] { return Random(seed, Draw::initialize, place++); };
    module.for_each([&](const std::string&, Module& part) {
        if (const auto* conv = dynamic_cast<Conv2d*>(&part)) {
            const Dims& d = conv->weight().dims();
            const auto fan = static_cast<double>((how.fan_out ? d[0] : d[1]) * d[2] * d[3]);
            fill_normal(conv->weight(), std::sqrt(2 / fan), next());
        } else if (const auto* layer = dynamic_cast<Linear*>(&part)) {
            const double bound = 1 / std::sqrt(static_cast<double>(layer->weight().dim(1)));
            if (how.linear_std > 0)
                fill_normal(layer->weight(), how.linear_std, next());
            else
                fill_uniform(layer->weight(), bound, next());
            if (how.linear_bias) fill_uniform(layer->bias(), bound, next());
        }
    });
}

}  // namespace keel::nn
