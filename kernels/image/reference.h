// Plain loops: the scalar variant of float, and what double runs on.
#pragma once

#include "kernels/image/variants.h"

namespace keel::kernels::reference {

template <class T, class Source>
void normalize_any(std::int64_t n, const ImagePattern<T>& pattern, const Source* src, T* dst) {
    for (std::int64_t i = 0; i < n; ++i)
        dst[i] = (static_cast<T>(src[i]) - pattern.offset[i % pattern.period]) * pattern.factor[i % pattern.period];
}

}  // namespace keel::kernels::reference
