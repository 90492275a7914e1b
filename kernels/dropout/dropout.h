// Inverted dropout (Srivastava et al. 2014). T is float (dispatched by ISA) or double (the reference).
#pragma once

#include <cstdint>

namespace keel::kernels {

/// Element i is kept where word i % 4 of philox4x32({i / 4 low, i / 4 high, 0, 0}, key) >= p * 2^32, and scaled by 1 /
/// (1 - p); the others become 0. Linear and a pure function of the key, so backward is the same call on the gradient. 0
/// <= p < 1; src == dst is allowed.
template <class T>
void dropout(std::int64_t n, double p, std::uint64_t key, const T* src, T* dst);

}  // namespace keel::kernels
