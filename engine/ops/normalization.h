// A batch normalization at the front of an operator: what batch_norm, norm_conv2d and norm_add_relu share.
#pragma once

#include <functional>
#include <memory>

#include "engine/channel_statistics.h"
#include "engine/ops.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/conv/conv.h"
#include "kernels/eltwise/eltwise.h"

namespace keel::ops {

/// Keeps src and four numbers a channel (f32 where src is bf16), no normalized map.
class Normalization {
public:
    /// Takes the statistics of src where options ask for them (those of its buffer, if it is the front of one) and
    /// updates the running ones. Throws UsageError in the name of operator `who` for what does not fit.
    Normalization(const char* who, const Tensor& src, const BatchNormParameters& norm, const BatchNormOptions& options);

    const Tensor& src() const { return src_; }
    bool relu() const { return relu_; }
    /// Returns what the normalization, apart from the ReLU, does to src; T is the type of its numbers.
    template <class T>
    kernels::Affine<T> affine() const {
        return {row<T>(kScale), row<T>(kShift)};
    }
    /// Returns the normalized map, dense.
    Tensor normalized() const;

    struct Diffs {
        Tensor src, gamma, beta;
    };
    /// Returns gradients from that of the normalized map, which is overwritten if it is unique(). `sum` as in
    /// record_adding.
    Diffs backward(Tensor diff_dst, Tensor& sum) const;
    /// Makes the gradient of the normalized map: feeds it to `epilogue`, which may overwrite it, and leaves it in `dst`
    /// if that is not null.
    using Producer = std::function<void(kernels::Map dst, kernels::RowEpilogue& epilogue)>;
    /// Makes gradients as that gradient is made, in f32, in one pass less; what becomes of it in memory is only what is
    /// wanted of src, f32 or bf16 as that is.
    Diffs backward_from(const Producer& produce, Tensor& sum) const;
    /// Makes gradients for dst = relu(normalized map + residual); diff_dst, dense, becomes the residual's gradient.
    Diffs backward_of_join(const Tensor& dst, Tensor& diff_dst) const;

private:
    enum Row : std::uint8_t { kMean, kInverseSigma, kScale, kShift, kRows };
    template <class T>
    T* row(Row r) const {
        return coefficients_.data<T>() + r * src_.channels();
    }
    template <class T>
    kernels::BatchNormCoefficients<T> coefficients() const {
        return {row<T>(kMean), row<T>(kInverseSigma), row<T>(kScale), row<T>(kShift)};
    }
    kernels::BatchNormGeometry geometry(const Tensor& diff_dst, const Tensor& diff_src) const;
    /// What a channel's gradient of src lacks where its statistics were made of src: offset + (src - mean) * slope are
    /// to be taken off.
    struct Correction {
        double offset, slope;
    };
    template <class T>
    Correction correction(std::int64_t channel, const Diffs& diffs) const;
    void defer(const Diffs& diffs) const;
    /// Takes the corrections off diffs.src, a map of T, where the statistics are src's own and settled by nobody else.
    template <class T>
    void correct(const Diffs& diffs) const;
    template <class T>
    Diffs backward_from_map(const Producer& produce, Tensor& sum) const;
    /// Returns gradients of gamma and beta to be written, and that of src.
    Diffs empty_diffs(Tensor diff_src) const;
    /// Returns whether nobody else takes off what the gradient of src lacks.
    bool settles_itself() const { return own_statistics_ && !shared_; }
    /// Returns whether the correction needs sums that other ranks have: then kernels cannot make it in one go.
    bool synchronized() const { return setting_.sync != nullptr; }
    /// `sum`, to be added to in place.
    static Tensor taken(Tensor& sum);

    Tensor src_, coefficients_;
    double rows_ = 0;  ///< that the statistics are of
    StatisticsScope::Setting setting_ = StatisticsScope::current();
    std::shared_ptr<ChannelStatistics> shared_;  ///< whose gradient is settled by who made the buffer
    bool relu_, own_statistics_, wants_src_;
};

}  // namespace keel::ops
