#include "kernels/reduce/reduce.h"

#include <atomic>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"
#include "kernels/reduce/reference.h"
#include "kernels/reduce/variants.h"

namespace keel::kernels {
namespace {

template <class T>
constexpr ReduceVariant<T> kReference{Isa::scalar, reference::sum_of_squares<T>, reference::all_finite<T>};

template <class T>
const ReduceVariant<T>& chosen() {
    return kReference<T>;
}
template <>
const ReduceVariant<float>& chosen() {
    return select(reduce_variants);
}

constexpr std::int64_t kChunk = 16384;

/// Calls part(chunk, first element, elements) for every chunk, on all threads.
template <class Part>
void for_chunks(std::int64_t n, Part part) {
    parallel_for(chunk_count(n, kChunk), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t chunk = begin; chunk < end; ++chunk)
            part(chunk, chunk * kChunk, std::min(kChunk, n - chunk * kChunk));
    });
}

}  // namespace

const ReduceVariant<float> reduce_scalar = kReference<float>;

template <class T>
double sum_of_squares(std::int64_t n, const T* src) {
    const profile::Span span("sum_of_squares", profile::per_element<T>(n, 2, 1));
    const auto kernel = chosen<T>().sum_of_squares;
    std::vector<double> partials(static_cast<std::size_t>(chunk_count(n, kChunk)));
    for_chunks(n, [&](std::int64_t chunk, std::int64_t first, std::int64_t count) {
        partials[static_cast<std::size_t>(chunk)] = kernel(count, src + first);
    });
    double total = 0;
    for (double partial : partials) total += partial;
    return total;
}

template <class T>
bool all_finite(std::int64_t n, const T* src, T factor) {
    const profile::Span span("all_finite", profile::per_element<T>(n, 1, 1));
    const auto kernel = chosen<T>().all_finite;
    std::atomic<bool> finite = true;
    for_chunks(n, [&](std::int64_t, std::int64_t first, std::int64_t count) {
        if (!kernel(count, src + first, factor)) finite = false;
    });
    return finite;
}

template double sum_of_squares(std::int64_t, const float*);
template double sum_of_squares(std::int64_t, const double*);
template bool all_finite(std::int64_t, const float*, float);
template bool all_finite(std::int64_t, const double*, double);

}  // namespace keel::kernels
