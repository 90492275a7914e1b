// How far a tensor is from what it should be.
#pragma once

#include <algorithm>
#include <cmath>

#include "engine/tensor.h"

namespace keel::test {

/// Norm of the difference relative to the truth's.
inline double relative_error(const Tensor& got, const Tensor& truth) {
    const Tensor a = got.contiguous().to(DType::f64), b = truth.contiguous().to(DType::f64);
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < a.values<double>().size(); ++i) {
        difference += std::pow(a.values<double>()[i] - b.values<double>()[i], 2);
        size += std::pow(b.values<double>()[i], 2);
    }
    return std::sqrt(difference / std::max(size, 1e-300));
}

}  // namespace keel::test
