// DenseNet's block (Huang et al. 2017) in training: every layer reads all channels so far from one wide buffer and writes its own
// into it. Exact identities make it cheap: the batch norms that read a channel share its statistics, so those are computed once;
// and the backward pass of a batch norm is linear, so each reader only adds gamma * dy to a wide sum, and one batch-norm backward a
// slice finishes when its last reader has passed. Normalised maps are never kept: they are recomputed where they are read.
#include "engine/ops.h"
#include "engine/ops/check.h"
#include "engine/ops/running.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/conv/conv.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/profile.h"

namespace keel {

struct DenseFeatures::Shared {
    double eps = 0;
    Tensor mean, variance;  ///< of all channels so far
    Tensor deferred;        ///< sum of gamma * dy over the readers of each channel; made by the backward pass's first layer
};

namespace {

/// dst = max(0, src * scale + shift)
struct Affine {
    Tensor scale, shift;
};

template <class T>
Affine make_affine(double eps, const Tensor& mean, const Tensor& variance, const Tensor& gamma, const Tensor& beta) {
    Affine affine{gamma.empty_like(), gamma.empty_like()};
    kernels::batch_norm_affine(gamma.elements(), static_cast<T>(eps), mean.data<T>(), variance.data<T>(), gamma.data<T>(),
                               beta.data<T>(), affine.scale.data<T>(), affine.shift.data<T>());
    return affine;
}

template <class T>
Tensor normalised(const Tensor& src, const Affine& affine) {
    Tensor dst = Tensor::empty(src.dims(), src.dtype());
    kernels::affine_forward({src.rows(), src.channels(), src.ld(), dst.ld()}, src.data<T>(), affine.scale.data<T>(),
                            affine.shift.data<T>(), true, dst.data<T>());
    return dst;
}

/// The convolution of relu(affine(src)), by element type. Keel's own float kernels read and write slices in place and apply the
/// affine as they read; for all others maps are made dense first.
template <class T>
class NormalisedConv {
public:
    NormalisedConv(const char* name, const Tensor& src, const Affine& affine, const Tensor& weights, int pad)
        : name_(name), g_(conv2d_geometry(src.dims(), weights, {.pad = pad})), src_(src), affine_(affine), weights_(weights) {}

    void forward(const Tensor& dst) const {
        const profile::Layer layer(name_);
        if constexpr (std::is_same_v<T, float>) {
            if (own_kernels()) {
                const bool fused = kernels::forward_takes_affine(g_, weights_.layout());
                const Tensor src = fused ? src_ : normalised<T>(src_, affine_);
                kernels::conv2d_forward(g_, true, {src.data<T>(), src.ld()}, weights_.data<T>(), weights_.layout(), nullptr,
                                        {dst.data<T>(), dst.ld()}, fused ? kernel_affine() : kernels::ConvAffine{});
                return;
            }
        }
        const Tensor src = normalised<T>(src_, affine_), dense = Tensor::empty(dst.dims(), dst.dtype());
        if constexpr (std::is_same_v<T, float>)
            kernels::conv2d_forward(g_, true, src.data<T>(), weights_.data<T>(), weights_.layout(), nullptr, dense.data<T>());
        else
            kernels::conv2d_forward_reference<T>(g_, src.data<T>(), weights_.data<T>(), nullptr, dense.data<T>());
        dst.assign(dense);
    }

    /// diff_dst is dense.
    Tensor backward_weights(const Tensor& diff_dst) const {
        const profile::Layer layer(name_);
        Tensor diff = weights_.empty_like();
        if constexpr (std::is_same_v<T, float>) {
            const bool own = own_kernels();
            const Tensor src = own ? src_ : normalised<T>(src_, affine_);
            kernels::conv2d_backward_weights(g_, {src.data<T>(), src.ld()}, diff_dst.data<T>(), diff.data<T>(), diff.layout(),
                                             nullptr, own ? kernel_affine() : kernels::ConvAffine{});
        } else {
            const Tensor src = normalised<T>(src_, affine_);
            kernels::conv2d_backward_weights_reference<T>(g_, src.data<T>(), diff_dst.data<T>(), diff.data<T>(), nullptr);
        }
        return diff;
    }

    /// The gradient of relu(affine(src)), dense.
    Tensor backward_data(const Tensor& diff_dst) const {
        const profile::Layer layer(name_);
        Tensor diff = Tensor::empty(src_.dims(), src_.dtype());
        if constexpr (std::is_same_v<T, float>)
            kernels::conv2d_backward_data(g_, diff_dst.data<T>(), weights_.data<T>(), weights_.layout(), diff.data<T>());
        else
            kernels::conv2d_backward_data_reference<T>(g_, diff_dst.data<T>(), weights_.data<T>(), diff.data<T>());
        return diff;
    }

private:
    bool own_kernels() const { return kernels::own_kernels_read(weights_.layout()); }
    kernels::ConvAffine kernel_affine() const { return {affine_.scale.data<float>(), affine_.shift.data<float>(), true}; }

    const char* name_;  // of the layer, to the profiler
    kernels::Conv2dGeometry g_;
    const Tensor& src_;
    const Affine& affine_;
    const Tensor& weights_;
};

template <class T>
void statistics(const Tensor& src, const Tensor& mean, const Tensor& variance) {
    kernels::batch_norm_statistics<T>({src.rows(), src.channels(), src.ld(), 0, 0, false}, src.data<T>(), mean.data<T>(),
                                      variance.data<T>());
}

/// The gradient of channels [first, first + count): what came directly, and the batch-norm backward of what their readers deferred.
template <class T>
Tensor finished(const DenseFeatures::Shared& shared, const Tensor& maps, const Tensor& direct, std::int64_t first,
                std::int64_t count) {
    const Tensor src = maps.channel_slice(first, count), diff = direct.channel_slice(first, count);
    Tensor dst = Tensor::empty(src.dims(), src.dtype());
    if (!shared.deferred || first >= shared.deferred.channels()) {
        dst.assign(diff);
        return dst;
    }
    const Tensor deferred = shared.deferred.channel_slice(first, count);
    const Tensor one = Tensor::full({count}, 1, src.dtype()), zero = Tensor::zeros({count}, src.dtype());
    const Tensor unused = one.empty_like(), unused_too = one.empty_like();
    kernels::batch_norm_backward<T>({src.rows(), count, src.ld(), deferred.ld(), dst.ld(), false}, static_cast<T>(shared.eps),
                                    false, src.data<T>(), deferred.data<T>(), shared.mean.data<T>() + first,
                                    shared.variance.data<T>() + first, one.data<T>(), zero.data<T>(), dst.data<T>(),
                                    unused.data<T>(), unused_too.data<T>());
    kernels::accumulate({dst.rows(), count, diff.ld(), dst.ld()}, diff.data<T>(), dst.data<T>());
    return dst;
}

/// What a layer keeps for its backward pass.
struct Saved {
    std::shared_ptr<DenseFeatures::Shared> shared;
    Tensor maps, bottleneck;  ///< channels so far with the layer's own behind them; the first convolution's result
    Tensor mean2, variance2;
    DenseLayerWeights w;
    std::int64_t channels, growth;
};

template <class T>
Gradients backward_layer(const Saved& s, const Tensor& diff_dst) {
    DenseFeatures::Shared& shared = *s.shared;
    const T eps = static_cast<T>(shared.eps);
    const Tensor src = s.maps.channel_slice(0, s.channels);
    const Tensor diff_maps = finished<T>(shared, s.maps, diff_dst, s.channels, s.growth);

    const Affine affine2 = make_affine<T>(shared.eps, s.mean2, s.variance2, s.w.gamma2, s.w.beta2);
    const NormalisedConv<T> conv2("conv2", s.bottleneck, affine2, s.w.weights2, 1);
    const Tensor diff_weights2 = conv2.backward_weights(diff_maps);
    const Tensor diff_bottleneck = conv2.backward_data(diff_maps);
    Tensor diff_gamma2 = s.w.gamma2.empty_like(), diff_beta2 = s.w.beta2.empty_like();
    const std::int64_t c2 = s.bottleneck.channels(), ld2 = s.bottleneck.ld();
    kernels::batch_norm_backward<T>({src.rows(), c2, ld2, diff_bottleneck.ld(), diff_bottleneck.ld(), true}, eps, false,
                                    s.bottleneck.data<T>(), diff_bottleneck.data<T>(), s.mean2.data<T>(), s.variance2.data<T>(),
                                    s.w.gamma2.data<T>(), s.w.beta2.data<T>(), diff_bottleneck.data<T>(), diff_gamma2.data<T>(),
                                    diff_beta2.data<T>());

    const Affine affine1 = make_affine<T>(shared.eps, shared.mean, shared.variance, s.w.gamma1, s.w.beta1);
    const NormalisedConv<T> conv1("conv1", src, affine1, s.w.weights1, 0);
    const Tensor diff_weights1 = conv1.backward_weights(diff_bottleneck);
    const Tensor diff_normalised = conv1.backward_data(diff_bottleneck);
    const bool accumulate = shared.deferred.defined();  // the last layer reads the most channels and comes first
    if (!accumulate) shared.deferred = Tensor::empty(src.dims(), src.dtype());
    Tensor diff_gamma1 = s.w.gamma1.empty_like(), diff_beta1 = s.w.beta1.empty_like();
    kernels::batch_norm_backward_deferred<T>({src.rows(), s.channels, src.ld(), diff_normalised.ld(), shared.deferred.ld(), true},
                                             eps, src.data<T>(), diff_normalised.data<T>(), shared.mean.data<T>(),
                                             shared.variance.data<T>(), affine1.scale.data<T>(), affine1.shift.data<T>(),
                                             s.w.gamma1.data<T>(), accumulate, shared.deferred.data<T>(), diff_gamma1.data<T>(),
                                             diff_beta1.data<T>());
    return {diff_dst.channel_slice(0, s.channels), diff_gamma1, diff_beta1, diff_weights1, diff_gamma2, diff_beta2, diff_weights2};
}

void check_layer(const DenseFeatures& features, const DenseLayerWeights& w, std::int64_t growth) {
    const DType type = features.maps.dtype();
    const std::int64_t channels = features.maps.channels(), bottleneck = w.weights1.dim(0);
    for (const Tensor& vector : {w.gamma1, w.beta1, w.running_mean1, w.running_variance1})
        ops::require_dims("dense_layer", "what norm1 holds", vector, {channels});
    for (const Tensor& vector : {w.gamma2, w.beta2, w.running_mean2, w.running_variance2})
        ops::require_dims("dense_layer", "what norm2 holds", vector, {bottleneck});
    ops::require_dims("dense_layer", "weights1", w.weights1, {bottleneck, channels, 1, 1});
    ops::require_dims("dense_layer", "weights2", w.weights2, {growth, bottleneck, 3, 3});
    for (const Tensor& tensor : {w.gamma1, w.beta1, w.running_mean1, w.running_variance1, w.gamma2, w.beta2, w.running_mean2,
                                 w.running_variance2, w.weights1, w.weights2})
        ops::require_type("dense_layer", "what the layer holds", tensor, type);
}

}  // namespace

DenseLayerWeights DenseLayerWeights::detached() const {
    return {gamma1.detach(), beta1.detach(), running_mean1, running_variance1, weights1.detach(),
            gamma2.detach(), beta2.detach(), running_mean2, running_variance2, weights2.detach()};
}

DenseFeatures dense_features(const Tensor& src, std::int64_t capacity, double eps) {
    ops::require_rank("dense_features", "src", src, 4);
    const std::int64_t c = src.channels();
    if (capacity < c || src.rows() < 1)
        throw UsageError("[dense_features] wanted one pixel or more and room for " + std::to_string(c) + " channels, got dims " +
                         src.dims().text() + " and room for " + std::to_string(capacity));
    auto shared = std::make_shared<DenseFeatures::Shared>();
    shared->eps = eps;
    shared->mean = Tensor::empty({capacity}, src.dtype());
    shared->variance = Tensor::empty({capacity}, src.dtype());
    Tensor maps = Tensor::empty({src.dim(0), src.dim(1), src.dim(2), capacity}, src.dtype()).channel_slice(0, c);
    dispatch_float("dense_features", src.dtype(), [&]<class T>(T) {
        kernels::copy({src.rows(), c, src.ld(), maps.ld()}, src.data<T>(), maps.data<T>());
        statistics<T>(maps, shared->mean, shared->variance);
    });
    Tensor recorded = record(maps, {src}, [shared, maps = maps.detach(), c](const Tensor& diff_dst) {
        Tensor diff_src;
        dispatch_float("dense_features", diff_dst.dtype(),
                       [&]<class T>(T) { diff_src = finished<T>(*shared, maps, diff_dst, 0, c); });
        return Gradients{diff_src};
    });
    return {recorded, shared};
}

DenseFeatures dense_layer(const DenseFeatures& features, const DenseLayerWeights& w, double momentum) {
    const Tensor& src = features.maps;
    DenseFeatures::Shared& shared = *features.shared;
    const std::int64_t channels = src.channels(), growth = w.weights2.dim(0), c2 = w.weights1.dim(0), rows = src.rows();
    check_layer(features, w, growth);
    Tensor dst = src.widened(growth);
    Saved saved{features.shared,
                dst.detach(),
                Tensor::empty({src.dim(0), src.dim(1), src.dim(2), c2}, src.dtype()),
                Tensor::empty({c2}, src.dtype()),
                Tensor::empty({c2}, src.dtype()),
                w.detached(),
                channels,
                growth};
    dispatch_float("dense_layer", src.dtype(), [&]<class T>(T) {
        ops::update_running<T>(momentum, rows, shared.mean, shared.variance, w.running_mean1, w.running_variance1);
        const Affine affine1 = make_affine<T>(shared.eps, shared.mean, shared.variance, w.gamma1, w.beta1);
        NormalisedConv<T>("conv1", src, affine1, w.weights1, 0).forward(saved.bottleneck);
        statistics<T>(saved.bottleneck, saved.mean2, saved.variance2);
        ops::update_running<T>(momentum, rows, saved.mean2, saved.variance2, w.running_mean2, w.running_variance2);
        const Affine affine2 = make_affine<T>(shared.eps, saved.mean2, saved.variance2, w.gamma2, w.beta2);
        const Tensor added = saved.maps.channel_slice(channels, growth);
        NormalisedConv<T>("conv2", saved.bottleneck, affine2, w.weights2, 1).forward(added);
        statistics<T>(added, shared.mean.channel_slice(channels, growth), shared.variance.channel_slice(channels, growth));
    });
    Tensor recorded =
        record(dst, {src, w.gamma1, w.beta1, w.weights1, w.gamma2, w.beta2, w.weights2}, [saved](const Tensor& diff_dst) {
            Gradients gradients;
            dispatch_float("dense_layer", diff_dst.dtype(), [&]<class T>(T) { gradients = backward_layer<T>(saved, diff_dst); });
            return gradients;
        });
    return {recorded, features.shared};
}

}  // namespace keel
