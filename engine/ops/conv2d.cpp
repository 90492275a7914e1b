#include "kernels/routing/conv2d.h"

#include <algorithm>
#include <utility>

#include "engine/ops/check.h"
#include "engine/ops/normalization.h"
#include "engine/recompute.h"

namespace keel {

kernels::Conv2dGeometry conv2d_geometry(const Dims& src, const Tensor& weights, const Conv2dOptions& o) {
    if (src.rank() != 4) throw UsageError("[conv2d] src must have 4 dims, got " + src.text());
    ops::require_rank("conv2d", "weights", weights, 4);
    if (!weights.dense())
        throw UsageError("[conv2d] weights must be dense, got a view of dims " + weights.dims().text());
    const std::int64_t wanted = weights.dim(1) * o.groups;
    if (src[3] != wanted)
        throw UsageError("[conv2d] src has " + std::to_string(src[3]) + " channels, weights expect " +
                         std::to_string(wanted));
    kernels::Conv2dGeometry g{src[0],
                              src[3],
                              src[1],
                              src[2],
                              weights.dim(0),
                              static_cast<int>(weights.dim(2)),
                              static_cast<int>(weights.dim(3))};
    g.stride_h = g.stride_w = o.stride;
    g.pad_h = g.pad_w = o.pad;
    g.dilation_h = g.dilation_w = o.dilation;
    g.groups = o.groups;
    kernels::check_geometry(g);
    return g;
}

namespace {

using kernels::Conv2dGeometry;

Conv2dGeometry checked_geometry(const char* who, const Tensor& src, const Tensor& weights,
                                const Conv2dOptions& options) {
    ops::require_rank(who, "src", src, 4);
    const Conv2dGeometry g = conv2d_geometry(src.dims(), weights, options);
    ops::require_type(who, "weights", weights, param_type(src.dtype()));
    return g;
}

/// Returns whether the kernels that read these weights take any distance between pixels, bf16, and an affine of src
/// where they can.
bool any_map(const Tensor& weights) { return kernels::own_kernels_read(weights.layout()); }

kernels::Map target(const Tensor& map) {
    return dispatch_map("conv2d", map.dtype(),
                        [&]<class T>(T) { return kernels::Map(map.data<T>(), map.ld(), dtype_of<T>()); });
}
kernels::ConstMap source(const Tensor& map) {
    const kernels::Map same = target(map);
    return {same.data, same.ld, same.type};
}

/// Whether they multiply maps of `type`; bf16 is f32 to those that do not.
bool takes(const Conv2dGeometry& g, const Tensor& weights, DType type) {
    return type != DType::bf16 || kernels::takes_halves(g, weights.layout());
}

/// Returns what the kernels of these weights can read of a map.
Tensor readable(const Conv2dGeometry& g, const Tensor& map, const Tensor& weights) {
    if (!any_map(weights))
        return (takes(g, weights, map.dtype()) ? map.detach() : map.to(param_type(map.dtype()))).contiguous();
    return map.dtype() == DType::bf16 && !kernels::takes_map(weights.layout(), source(map)) ? map.clone()
                                                                                            : map.detach();
}

/// Returns the type that these kernels write where the model's maps are of `type`.
DType written_type(const Conv2dGeometry& g, const Tensor& weights, DType type) {
    return takes(g, weights, type) ? type : param_type(type);
}

void forward(const Conv2dGeometry& g, const Tensor& src, const kernels::ConvAffine& affine, const Tensor& weights,
             const Tensor& bias, const Tensor& dst, bool statistics) {
    if (src.dtype() == DType::f64)
        return kernels::conv2d_forward_reference(g, src.data<double>(), weights.data<double>(),
                                                 bias ? bias.data<double>() : nullptr, dst.data<double>());
    kernels::BatchNormMoments moments(g.oc);
    kernels::conv2d_forward(g, grad_enabled(), source(src), weights.data<float>(), weights.layout(),
                            bias ? bias.data<float>() : nullptr, target(dst), affine, statistics ? &moments : nullptr);
    if (!statistics) return;
    const Tensor mean = Tensor::empty({g.oc}), variance = Tensor::empty({g.oc});
    moments.result(mean.data<float>(), variance.data<float>());
    dst.set_statistics(std::make_shared<ChannelStatistics>(g.n * g.oh() * g.ow(), mean, variance));
}

/// Returns the gradient of src, a map of `type`, added to `sum` where that is possible in place: it is moved to the
/// result then.
Tensor backward_data(const Conv2dGeometry& g, const Tensor& diff_dst, const Tensor& weights, DType type, Tensor& sum) {
    const bool added = sum && sum.unique() && any_map(weights);
    Tensor diff_src =
        added ? std::exchange(sum, {}) : Tensor::empty({g.n, g.ih, g.iw, g.ic}, written_type(g, weights, type));
    if (type == DType::f64)
        kernels::conv2d_backward_data_reference(g, diff_dst.data<double>(), weights.data<double>(),
                                                diff_src.data<double>());
    else
        kernels::conv2d_backward_data(g, source(diff_dst), weights.data<float>(), weights.layout(), target(diff_src),
                                      added);
    return diff_src.dtype() == type ? diff_src : diff_src.to(type);
}

/// Returns the gradients of a normalization in front of the convolution.
ops::Normalization::Diffs norm_backward(const Conv2dGeometry& g, const ops::Normalization& normalization,
                                        const Tensor& diff_dst, const Tensor& weights, Tensor& sum) {
    Tensor none;
    if (!kernels::backward_data_streams(g, weights.layout()))
        return normalization.backward(backward_data(g, diff_dst, weights, normalization.src().dtype(), none), sum);
    return normalization.backward_from(
        [&](kernels::Map dst, kernels::RowEpilogue& epilogue) {
            kernels::conv2d_backward_data(g, source(diff_dst), weights.data<float>(), weights.layout(), dst, false,
                                          &epilogue);
        },
        sum);
}

Tensor backward_weights(const Conv2dGeometry& g, const Tensor& src, const kernels::ConvAffine& affine,
                        const Tensor& diff_dst, const Tensor& weights, const Tensor& diff_bias) {
    Tensor diff_weights = weights.empty_grad();
    if (src.dtype() == DType::f64)
        kernels::conv2d_backward_weights_reference(g, src.data<double>(), diff_dst.data<double>(),
                                                   diff_weights.data<double>(),
                                                   diff_bias ? diff_bias.data<double>() : nullptr);
    else
        kernels::conv2d_backward_weights(g, source(src), source(diff_dst), diff_weights.data<float>(), weights.layout(),
                                         diff_bias ? diff_bias.data<float>() : nullptr, affine);
    return diff_weights;
}

/// What a convolution with a normalization in front reads: src and an affine where its kernels can, else the normalized
/// map.
struct NormalizedSource {
    Tensor map;
    kernels::ConvAffine affine{};

    NormalizedSource(const Conv2dGeometry& g, const ops::Normalization& norm, const Tensor& weights, bool takes_affine)
        : map(readable(g, takes_affine ? norm.src() : norm.normalized(), weights)) {
        if (!takes_affine) return;
        const auto [scale, shift] = norm.affine<float>();
        affine = {scale, shift, norm.relu()};
    }
};

}  // namespace

Tensor conv2d(const Tensor& any_src, const Tensor& weights, const Tensor& bias, const Conv2dOptions& options) {
    const Conv2dGeometry g = checked_geometry("conv2d", any_src, weights, options);
    if (bias) ops::require_dims("conv2d", "bias", bias, {g.oc});
    if (bias) ops::require_type("conv2d", "bias", bias, weights.dtype());
    const DType type = any_src.dtype();
    Tensor src = readable(g, any_src, weights);
    Tensor dst = Tensor::empty({g.n, g.oh(), g.ow(), g.oc}, written_type(g, weights, type));
    forward(g, src, {}, weights, bias, dst, options.statistics);
    if (dst.dtype() != type) dst = ops::converted(dst, type);
    if (any_src.recompute() || src.dtype() != type) src = any_src;

    const bool wants_src = any_src.requires_grad(), wants_bias = bias && bias.requires_grad();
    const bool wants_weights = weights.requires_grad() || wants_bias;
    const SavedTensor kept = wants_weights ? SavedTensor(src) : SavedTensor();
    return record_adding(
        dst, {any_src, weights, bias},
        [g, type, kept, weights, wants_src, wants_bias, wants_weights](const Tensor& any_diff, Tensor& sum) {
            const Tensor diff_dst = readable(g, any_diff, weights);
            Tensor diff_src, diff_weights, diff_bias;
            if (wants_src) diff_src = backward_data(g, diff_dst, weights, type, sum);
            if (wants_bias) diff_bias = Tensor::empty({g.oc}, weights.dtype());
            if (wants_weights)
                diff_weights = backward_weights(g, readable(g, kept.get(), weights), {}, diff_dst, weights, diff_bias);
            return Gradients{diff_src, diff_weights, diff_bias};
        });
}

Tensor norm_conv2d(const Tensor& src, const BatchNormParameters& norm, const BatchNormOptions& norm_options,
                   const Tensor& weights, const Conv2dOptions& options, const Tensor& given_dst) {
    const Conv2dGeometry g = checked_geometry("norm_conv2d", src, weights, options);
    const Dims dims{g.n, g.oh(), g.ow(), g.oc};
    if (given_dst) ops::require_dims("norm_conv2d", "dst", given_dst, dims);
    if (given_dst) ops::require_type("norm_conv2d", "dst", given_dst, src.dtype());
    const ops::Normalization normalization("norm_conv2d", src, norm, norm_options);
    const DType type = written_type(g, weights, src.dtype());
    const bool written = given_dst && (any_map(weights) || (given_dst.dense() && type == src.dtype()));
    Tensor dst = written ? given_dst : Tensor::empty(dims, type);
    {
        const NormalizedSource from(g, normalization, weights,
                                    kernels::forward_takes_affine(g, weights.layout(), src.dtype()));
        forward(g, from.map, from.affine, weights, {}, dst, options.statistics);
    }
    if (type != src.dtype()) dst = ops::converted(dst, src.dtype());
    if (given_dst && !written) {
        given_dst.assign(dst);
        given_dst.set_statistics(dst.statistics());
        dst = given_dst;
    }
    const bool wants_weights = weights.requires_grad();
    const bool wants_norm = src.requires_grad() || norm.gamma.requires_grad() || norm.beta.requires_grad();
    return record_adding(dst, {src, norm.gamma, norm.beta, weights},
                         [g, normalization, weights, wants_weights, wants_norm](Tensor any_diff, Tensor& sum) {
                             const Tensor diff_dst = readable(g, std::exchange(any_diff, {}), weights);
                             Tensor diff_weights;
                             if (wants_weights) {
                                 const NormalizedSource from(g, normalization, weights, any_map(weights));
                                 diff_weights = backward_weights(g, from.map, from.affine, diff_dst, weights, {});
                             }
                             ops::Normalization::Diffs diffs;
                             if (wants_norm) diffs = norm_backward(g, normalization, diff_dst, weights, sum);
                             return Gradients{diffs.src, diffs.gamma, diffs.beta, diff_weights};
                         });
}

namespace {

/// Calls f(geometry, number of the first image, memory for the f32 result) for parts of the images, a fourth at a time.
template <class F>
void in_parts(const Conv2dGeometry& g, F f) {
    constexpr std::int64_t kParts = 4;
    Conv2dGeometry part = g;
    const std::int64_t images = (g.n + kParts - 1) / kParts;
    const Tensor floats = Tensor::empty({images, g.oh(), g.ow(), g.oc});
    for (std::int64_t first = 0; first < g.n; first += images) {
        part.n = std::min(images, g.n - first);
        f(part, first, floats.data<float>());
    }
}

/// Returns gradients of src, weights and bias, of those that are not undefined in `wanted`.
Gradients rounded_backward(const Conv2dGeometry& g, const Tensor& src, const Tensor& weights, const Gradients& wanted,
                           const Tensor& diff_dst) {
    const Tensor &diff_src = wanted[0], &diff_weights = wanted[1], &diff_bias = wanted[2];
    const std::int64_t src_image = g.ih * g.iw * g.ic, dst_image = g.oh() * g.ow() * g.oc;
    const Tensor more = weights.empty_like(), more_bias = diff_bias ? diff_bias.empty_like() : Tensor();
    const auto add = [](const Tensor& term, const Tensor& sum) {
        const std::int64_t n = sum.storage_elements();
        kernels::accumulate<float>({1, n, n, n}, term.data<float>(), sum.data<float>());
    };
    in_parts(g, [&](const Conv2dGeometry& part, std::int64_t first, float* diff) {
        kernels::convert<Bf16, float>({part.n * g.oh() * g.ow(), g.oc, g.oc, g.oc},
                                      diff_dst.data<Bf16>() + first * dst_image, diff);
        if (diff_src)
            kernels::conv2d_backward_data(part, {diff, g.oc}, weights.data<float>(), weights.layout(),
                                          {diff_src.data<float>() + first * src_image, g.ic});
        if (!diff_weights) return;
        const Tensor &to = first == 0 ? diff_weights : more, &to_bias = first == 0 ? diff_bias : more_bias;
        kernels::conv2d_backward_weights(part, {src.data<float>() + first * src_image, g.ic}, {diff, g.oc},
                                         to.data<float>(), weights.layout(), to_bias ? to_bias.data<float>() : nullptr);
        if (first == 0) return;
        add(more, diff_weights);
        if (diff_bias) add(more_bias, diff_bias);
    });
    return wanted;
}

}  // namespace

Tensor rounded_conv2d(const Tensor& any_src, const Tensor& weights, const Tensor& bias, const Conv2dOptions& options) {
    const Conv2dGeometry g = checked_geometry("rounded_conv2d", any_src, weights, options);
    ops::require_type("rounded_conv2d", "src", any_src, DType::f32);
    if (bias) ops::require_dims("rounded_conv2d", "bias", bias, {g.oc});
    const Tensor src = any_src.contiguous();
    const Tensor dst = Tensor::empty({g.n, g.oh(), g.ow(), g.oc}, DType::bf16);
    in_parts(g, [&](const Conv2dGeometry& part, std::int64_t first, float* to) {
        kernels::conv2d_forward(part, grad_enabled(), {src.data<float>() + first * g.ih * g.iw * g.ic, g.ic},
                                weights.data<float>(), weights.layout(), bias ? bias.data<float>() : nullptr,
                                {to, g.oc});
        kernels::convert<float, Bf16>({part.n * g.oh() * g.ow(), g.oc, g.oc, g.oc}, to,
                                      dst.data<Bf16>() + first * g.oh() * g.ow() * g.oc);
    });
    const bool wants_src = any_src.requires_grad(), wants_bias = bias && bias.requires_grad();
    const bool wants_weights = weights.requires_grad() || wants_bias;
    return record(
        dst, {any_src, weights, bias}, [g, src, weights, wants_src, wants_bias, wants_weights](const Tensor& any_diff) {
            return rounded_backward(
                g, src, weights,
                {wants_src ? Tensor::empty(src.dims()) : Tensor(), wants_weights ? weights.empty_grad() : Tensor(),
                 wants_bias ? Tensor::empty({g.oc}) : Tensor()},
                any_diff.contiguous());
        });
}

}  // namespace keel
