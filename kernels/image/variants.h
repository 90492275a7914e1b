// The variants of image normalisation: serial.
#pragma once

#include "kernels/cpu.h"
#include "kernels/image/image.h"

namespace keel::kernels {

/// What interleaved elements go through, repeated to a period of whole vectors and whole pixels:
/// dst[i] = (src[i] - offset[i % period]) * factor[i % period]
template <class T>
struct ImagePattern {
    std::int64_t period;
    const T *offset, *factor;
};

template <class T>
struct ImageVariant {
    Isa isa;
    void (*normalize_u8)(std::int64_t n, const ImagePattern<T>& pattern, const std::uint8_t* src, T* dst);
    void (*normalize)(std::int64_t n, const ImagePattern<T>& pattern, const T* src, T* dst);
};

extern const ImageVariant<float> image_avx512, image_avx2, image_scalar;
inline constexpr const ImageVariant<float>* image_variants[] = {&image_avx512, &image_avx2, &image_scalar};

}  // namespace keel::kernels
