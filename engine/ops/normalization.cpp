#include "engine/ops/normalization.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "engine/ops/check.h"

namespace keel::ops {

using kernels::Param;

namespace {

template <class T>
void update_running(double momentum, double correction, const Tensor& batch, const Tensor& running) {
    const auto from = batch.values<T>();
    const auto to = running.values<T>();
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = static_cast<T>((1 - momentum) * double{to[i]} + momentum * correction * double{from[i]});
}

}  // namespace

Normalization::Normalization(const char* who, const Tensor& src, const BatchNormParameters& norm,
                             const BatchNormOptions& o)
    : src_(src.detach()), relu_(o.relu), own_statistics_(o.training), wants_src_(src.requires_grad()) {
    const std::int64_t c = src.channels(), rows = src.rows();
    for (const Tensor& vector : {norm.gamma, norm.beta, norm.running_mean, norm.running_variance}) {
        require_dims(who, "gamma, beta and running statistics", vector, {c});
        require_type(who, "gamma, beta and running statistics", vector, param_type(src.dtype()));
    }
    if (o.training && rows < 1)
        throw UsageError(std::string("[") + who + "] wanted a batch of one row or more, got dims " + src.dims().text());
    coefficients_ = Tensor::empty({kRows, c}, param_type(src.dtype()));
    dispatch_float(who, coefficients_.dtype(), [&]<class T>(T) {
        Tensor mean = norm.running_mean, variance = norm.running_variance;
        if (o.training) {
            const auto statistics =
                src.statistics() ? src.statistics() : std::make_shared<ChannelStatistics>(c, src.dtype());
            if (src.statistics() && statistics->settles()) shared_ = statistics;
            statistics->require(src_);
            mean = statistics->mean(c);
            variance = statistics->variance(c);
            rows_ = statistics->rows();
            const double unbiased = rows_ / std::max(rows_ - 1, 1.0);
            update_running<T>(o.momentum, 1, mean, norm.running_mean);
            update_running<T>(o.momentum, unbiased, variance, norm.running_variance);
        }
        std::ranges::copy(mean.values<T>(), row<T>(kMean));
        kernels::batch_norm_coefficients(c, static_cast<T>(o.eps), mean.data<T>(), variance.data<T>(),
                                         norm.gamma.data<T>(), norm.beta.data<T>(), row<T>(kInverseSigma),
                                         row<T>(kScale), row<T>(kShift));
    });
}

Tensor Normalization::normalized() const {
    Tensor dst = Tensor::empty(src_.dims(), src_.dtype());
    dispatch_map("batch_norm", src_.dtype(), [&]<class T>(T) {
        kernels::affine_forward({src_.rows(), src_.channels(), src_.ld(), dst.ld()}, src_.data<T>(),
                                row<Param<T>>(kScale), row<Param<T>>(kShift), relu_, dst.data<T>());
    });
    return dst;
}

kernels::BatchNormGeometry Normalization::geometry(const Tensor& diff_dst, const Tensor& diff_src) const {
    return {src_.rows(), src_.channels(), src_.ld(), diff_dst.ld(), diff_src ? diff_src.ld() : 0, relu_};
}

template <class T>
Normalization::Correction Normalization::correction(std::int64_t channel, const Diffs& diffs) const {
    const double per_row = double{row<T>(kScale)[channel]} / rows_;
    return {per_row * double{diffs.beta.data<T>()[channel]},
            per_row * double{diffs.gamma.data<T>()[channel]} * double{row<T>(kInverseSigma)[channel]}};
}

void Normalization::defer(const Diffs& diffs) const {
    dispatch_float("batch_norm", coefficients_.dtype(), [&]<class T>(T) {
        for (std::int64_t i = 0; i < src_.channels(); ++i) {
            const auto [offset, slope] = correction<T>(i, diffs);
            shared_->defer(i, offset, slope);
        }
    });
}

template <class T>
void Normalization::correct(const Diffs& diffs) const {
    const auto c = static_cast<std::size_t>(src_.channels());
    std::vector<double> corrections(2 * c);
    for (std::size_t i = 0; i < c; ++i) {
        const auto [offset, slope] = correction<Param<T>>(static_cast<std::int64_t>(i), diffs);
        corrections[i] = offset;
        corrections[c + i] = slope;
    }
    ChannelStatistics::sum_corrections(setting_, corrections);
    const std::vector<Param<T>> rounded(corrections.begin(), corrections.end());
    T* const diff = diffs.src.data<T>();
    const std::int64_t ld = diffs.src.ld();
    kernels::batch_norm_correct({src_.rows(), src_.channels(), src_.ld(), ld, ld, false}, row<Param<T>>(kMean),
                                rounded.data(), rounded.data() + c, src_.data<T>(), diff, diff);
}

Tensor Normalization::taken(Tensor& sum) {
    Tensor own = sum.unique() ? std::move(sum) : sum.clone();
    sum = {};
    return own;
}

Normalization::Diffs Normalization::empty_diffs(Tensor diff_src) const {
    const auto vector = [&] { return Tensor::empty({src_.channels()}, coefficients_.dtype()); };
    return {std::move(diff_src), vector(), vector()};
}

Normalization::Diffs Normalization::backward(Tensor diff_dst, Tensor& sum) const {
    using enum kernels::BatchNormGradient;
    Diffs diffs = empty_diffs({});
    auto gradient = settles_itself() && !synchronized() ? whole : direct;
    if (wants_src_) {
        if (gradient == direct && sum) {
            gradient = added;
            diffs.src = taken(sum);
        } else {
            diffs.src = diff_dst.unique() ? diff_dst : Tensor::empty(src_.dims(), src_.dtype());
        }
    }
    dispatch_map("batch_norm", src_.dtype(), [&]<class T>(T) {
        kernels::batch_norm_backward(geometry(diff_dst, diffs.src), gradient, coefficients<Param<T>>(), src_.data<T>(),
                                     diff_dst.data<T>(), wants_src_ ? diffs.src.data<T>() : nullptr,
                                     diffs.gamma.data<Param<T>>(), diffs.beta.data<Param<T>>());
        if (settles_itself() && synchronized() && wants_src_) correct<T>(diffs);
    });
    if (shared_ && wants_src_) defer(diffs);
    return diffs;
}

template <class T>
Normalization::Diffs Normalization::backward_from_map(const Producer& produce, Tensor& sum) const {
    Diffs diffs = empty_diffs({});
    const bool added = wants_src_ && !settles_itself() && sum;
    if (wants_src_) diffs.src = added ? taken(sum) : Tensor::empty(src_.dims(), src_.dtype());
    const auto k = coefficients<float>();
    const kernels::BatchNormGeometry g = geometry(src_, diffs.src);
    using To = kernels::RowGradient;
    // Rows of f32 are the map itself; those of bf16 are rounded on their way to it.
    const bool in_place = std::is_same_v<T, float> && wants_src_ && !added;
    const To to = !wants_src_ ? To::none : added ? To::added : in_place ? To::rows : To::map;
    T* const diff_src = wants_src_ ? diffs.src.data<T>() : nullptr;
    kernels::BatchNormBackward<T> epilogue(g, k, src_.data<T>(), to, in_place ? nullptr : diff_src);
    produce(in_place ? kernels::Map{diff_src, diffs.src.ld(), dtype_of<T>()} : kernels::Map{nullptr, 0, dtype_of<T>()},
            epilogue);
    epilogue.result(diffs.gamma.data<float>(), diffs.beta.data<float>());
    if (shared_ && wants_src_) defer(diffs);
    if (settles_itself() && wants_src_) correct<T>(diffs);
    return diffs;
}

Normalization::Diffs Normalization::backward_from(const Producer& produce, Tensor& sum) const {
    return src_.dtype() == DType::bf16 ? backward_from_map<Bf16>(produce, sum) : backward_from_map<float>(produce, sum);
}

Normalization::Diffs Normalization::backward_of_join(const Tensor& dst, Tensor& diff_dst) const {
    using enum kernels::BatchNormGradient;
    Diffs diffs = empty_diffs(wants_src_ ? Tensor::empty(src_.dims(), src_.dtype()) : Tensor());
    const Tensor diff_residual = diff_dst.unique() ? diff_dst : diff_dst.empty_like();
    dispatch_map("batch_norm", src_.dtype(), [&]<class T>(T) {
        kernels::batch_norm_join_backward(
            geometry(dst, diffs.src), settles_itself() && !synchronized() ? whole : direct, coefficients<Param<T>>(),
            src_.data<T>(), dst.data<T>(), diff_dst.data<T>(), diff_residual.data<T>(),
            wants_src_ ? diffs.src.data<T>() : nullptr, diffs.gamma.data<Param<T>>(), diffs.beta.data<Param<T>>());
        if (settles_itself() && synchronized() && wants_src_) correct<T>(diffs);
    });
    if (shared_ && wants_src_) defer(diffs);
    diff_dst = diff_residual;
    return diffs;
}

}  // namespace keel::ops
