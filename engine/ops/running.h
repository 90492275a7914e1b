// Running statistics of batch normalisation.
#pragma once

#include <algorithm>

#include "engine/tensor.h"

namespace keel::ops {

/// running = (1 - momentum) * running + momentum * batch, the variance with the unbiased one of the batch of `rows` (a batch of one
/// row counts as variance 0). The batch's statistics may be longer: the first channels count.
template <class T>
void update_running(double momentum, std::int64_t rows, const Tensor& mean, const Tensor& variance, const Tensor& running_mean,
                    const Tensor& running_variance) {
    const auto blend = [&](double correction, const Tensor& batch, const Tensor& running) {
        const T* from = batch.data<T>();
        T* to = running.data<T>();
        for (std::int64_t i = 0; i < running.elements(); ++i)
            to[i] = static_cast<T>((1 - momentum) * double{to[i]} + momentum * correction * double{from[i]});
    };
    blend(1, mean, running_mean);
    blend(static_cast<double>(rows) / static_cast<double>(std::max<std::int64_t>(rows - 1, 1)), variance, running_variance);
}

}  // namespace keel::ops
