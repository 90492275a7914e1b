#include "kernels/image/image.h"

#include <vector>

#include "kernels/dispatch.h"
#include "kernels/image/reference.h"
#include "kernels/image/variants.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel::kernels {
namespace {

template <class T>
constexpr ImageVariant<T> kReference{Isa::scalar, reference::normalize_any<T, std::uint8_t>, reference::normalize_any<T, T>};

template <class T>
const ImageVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const ImageVariant<float>& chosen() {
    return select(image_variants);
}

/// Normalises sources whose full scale is `range`, on all threads.
template <class T, class Source>
void run(void (*kernel)(std::int64_t, const ImagePattern<T>&, const Source*, T*), const ImageGeometry& g, double range,
         const Source* src, const float* mean, const float* std, T* dst) {
    constexpr std::int64_t kPixels = 64;  // a multiple of every vector's length: 64 pixels are whole vectors for any c
    const std::int64_t period = kPixels * g.c;
    std::vector<T> offset(static_cast<std::size_t>(period)), factor(offset.size());
    for (std::size_t i = 0; i < offset.size(); ++i) {
        const std::size_t channel = i % static_cast<std::size_t>(g.c);
        offset[i] = static_cast<T>(range * static_cast<double>(mean[channel]));
        factor[i] = static_cast<T>(1 / (range * static_cast<double>(std[channel])));
    }
    const ImagePattern<T> pattern{period, offset.data(), factor.data()};
    constexpr std::int64_t kGrain = 16384;  // elements worth waking a thread for
    parallel_for(chunk_count(g.pixels, kPixels), kGrain / period, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t first = begin * period, last = std::min(end * period, g.pixels * g.c);
        kernel(last - first, pattern, src + first, dst + first);
    });
}

}  // namespace

const ImageVariant<float> image_scalar = kReference<float>;

template <class T>
void normalize_u8(const ImageGeometry& g, const std::uint8_t* src, const float* mean, const float* std, T* dst) {
    const profile::Span span("normalize_u8", profile::per_element<T>(g.pixels * g.c, 2, 1 + 1.0 / sizeof(T)));
    run(chosen<T>().normalize_u8, g, 255, src, mean, std, dst);
}

template <class T>
void normalize(const ImageGeometry& g, const T* src, const float* mean, const float* std, T* dst) {
    const profile::Span span("normalize", profile::per_element<T>(g.pixels * g.c, 2, 2));
    run(chosen<T>().normalize, g, 1, src, mean, std, dst);
}

template void normalize_u8(const ImageGeometry&, const std::uint8_t*, const float*, const float*, float*);
template void normalize_u8(const ImageGeometry&, const std::uint8_t*, const float*, const float*, double*);
template void normalize(const ImageGeometry&, const float*, const float*, const float*, float*);
template void normalize(const ImageGeometry&, const double*, const float*, const float*, double*);

}  // namespace keel::kernels
