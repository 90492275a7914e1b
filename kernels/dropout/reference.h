// The plain loop: the scalar variant of float, and what double runs on.
#pragma once

#include "kernels/dropout/variants.h"
#include "kernels/random.h"

namespace keel::kernels::reference {

template <class T>
void dropout(std::int64_t n, const DropoutStep& step, T scale, const T* src, T* dst) {
    Philox4 words{};
    for (std::int64_t i = 0; i < n; ++i) {
        const std::uint64_t block = step.first_block + static_cast<std::uint64_t>(i / 4);
        if (i % 4 == 0)
            words = philox4x32({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0, 0},
                               step.key);
        dst[i] = words[static_cast<std::size_t>(i % 4)] < step.threshold ? T(0) : scale * src[i];
    }
}

}  // namespace keel::kernels::reference
