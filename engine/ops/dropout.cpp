#include "kernels/dropout/dropout.h"

#include "engine/ops.h"
#include "engine/rng_scope.h"

namespace keel {
namespace {

Tensor masked(const Tensor& any_src, double p, const std::vector<std::uint64_t>& keys) {
    const DType type = any_src.dtype();
    const Tensor src = any_src.to(param_type(type)).contiguous();
    Tensor dst = Tensor::empty(src.dims(), src.dtype());
    const std::int64_t per_sample = src.dim(0) > 0 ? src.elements() / src.dim(0) : 0;
    dispatch_float("dropout", src.dtype(), [&]<class T>(T) {
        for (std::int64_t i = 0; i < src.dim(0); ++i)
            kernels::dropout(per_sample, p, keys[static_cast<std::size_t>(i)], src.data<T>() + i * per_sample,
                             dst.data<T>() + i * per_sample);
    });
    return dst.to(type);
}

}  // namespace

Tensor dropout(const Tensor& src, double p) {
    if (!(p >= 0 && p < 1)) throw UsageError("[dropout] wanted 0 <= p < 1, got " + std::to_string(p));
    if (p == 0) return src;
    auto keys = RngScope::next_keys(src.dim(0));
    Tensor dst = masked(src, p, keys);
    return record(dst, {src},
                  [p, keys = std::move(keys)](const Tensor& diff_dst) { return Gradients{masked(diff_dst, p, keys)}; });
}

}  // namespace keel
