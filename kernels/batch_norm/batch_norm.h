// Batch normalization over the rows of an NHWC matrix (Ioffe & Szegedy 2015), fused with ReLU:
//   dst = src * scale + shift, then max(0, .) if relu;
//   scale = gamma / sigma, shift = beta - mean * scale, sigma^2 = variance + eps
// This family makes the coefficients and goes backward. Forward is any kernel that takes an affine of its source
// (eltwise.h, conv.h); it multiplies and adds with one rounding, so that all agree on the elements that a ReLU lets
// pass. Sums are over fixed chunks of rows, combined in order: they do not depend on the number of threads. T is float
// or Bf16 (dispatched by ISA; what belongs to a channel is f32 then) or double (the reference).
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/bf16.h"
#include "kernels/reduce/columns.h"

namespace keel::kernels {

/// rows = n * h * w pixels of c channels; distances between pixels in elements.
struct BatchNormGeometry {
    std::int64_t rows, c;
    std::int64_t src_ld, dst_ld;  ///< diff_dst has dst_ld
    std::int64_t diff_src_ld;
    bool relu;
};

/// Per channel.
template <class T>
struct BatchNormCoefficients {
    const T *mean, *inverse_sigma, *scale, *shift;
};

/// Writes mean[i] and the biased variance[i] over the rows; rows >= 1. Each chunk is reduced around the mean of its
/// first rows and the chunks are merged in double (Chan et al. 1979), so a mean far from zero costs no digits.
template <class T>
void batch_norm_statistics(std::int64_t rows, std::int64_t c, std::int64_t src_ld, const T* src, Param<T>* mean,
                           Param<T>* variance);

/// Computes the moments of rows as a convolution makes them.
class BatchNormMoments final : public RowEpilogue {
public:
    explicit BatchNormMoments(std::int64_t c) : c_(c) {}
    void begin(const RowChunks& chunks) override;
    void take(std::int64_t chunk, std::int64_t first, std::int64_t count, float* rows, std::int64_t ld) override;
    /// Writes, once all rows are taken, mean[c] and the biased variance[c].
    void result(float* mean, float* variance);

private:
    std::int64_t c_;
    std::optional<ColumnPartials> partials_;
};

/// Computes the coefficients in double, each rounded once.
template <class T>
void batch_norm_coefficients(std::int64_t c, T eps, const T* mean, const T* variance, const T* gamma, const T* beta,
                             T* inverse_sigma, T* scale, T* shift);

/// What becomes of dy on its way to diff_src; rows and sums are those of the whole batch.
enum class BatchNormGradient {
    whole,   ///< = scale * (dy - diff_beta / rows - xhat * diff_gamma / rows): src made its own statistics
    direct,  ///< = scale * dy: the statistics were given, or their share is taken off later, by batch_norm_correct()
    added    ///< += scale * dy
};

/// With dy = diff_dst where relu let it pass (a NaN passes), else 0, and xhat = (src - mean) / sigma:
///   diff_beta = sum dy,  diff_gamma = sum dy * xhat,  diff_src as `gradient` says.
/// diff_src may be null (not wanted), or equal to diff_dst if the distances are equal. `whole` takes two passes, the
/// others one.
template <class T>
void batch_norm_backward(const BatchNormGeometry& g, BatchNormGradient gradient,
                         const BatchNormCoefficients<Param<T>>& k, const T* src, const T* diff_dst, T* diff_src,
                         Param<T>* diff_gamma, Param<T>* diff_beta);

/// Where scale * dy goes: nowhere, over the rows of diff_dst themselves, into a map, or on top of what is there.
enum class RowGradient : std::uint8_t { none, rows, map, added };

/// Computes the gradients in one pass of rows of diff_dst, of f32, as a convolution makes them. `diff_src` is the map
/// that `to` speaks of, with g.diff_src_ld. T is float or Bf16.
template <class T>
class BatchNormBackward final : public RowEpilogue {
public:
    BatchNormBackward(const BatchNormGeometry& g, const BatchNormCoefficients<float>& k, const T* src, RowGradient to,
                      T* diff_src = nullptr)
        : g_(g), k_(k), src_(src), to_(to), diff_src_(diff_src) {}
    void begin(const RowChunks& chunks) override;
    void take(std::int64_t chunk, std::int64_t first, std::int64_t count, float* rows, std::int64_t ld) override;
    std::array<RowMap, 2> reads() const override;
    /// Writes the sums, once all rows are taken.
    void result(float* diff_gamma, float* diff_beta);

private:
    BatchNormGeometry g_;
    BatchNormCoefficients<float> k_;
    const T* src_;
    RowGradient to_;
    T* diff_src_;
    std::optional<ColumnPartials> partials_;
};

/// Computes the gradients for the join of a residual block, dst = relu(src * scale + shift + residual):  dy = 0
/// where dst <= 0, else diff_dst. It is also the residual's gradient, and written to diff_residual, which has dst_ld as
/// dst has, and may be equal to diff_dst.
template <class T>
void batch_norm_join_backward(const BatchNormGeometry& g, BatchNormGradient gradient,
                              const BatchNormCoefficients<Param<T>>& k, const T* src, const T* dst, const T* diff_dst,
                              T* diff_residual, T* diff_src, Param<T>* diff_gamma, Param<T>* diff_beta);

/// diff_src = diff_dst - offset - (src - mean) * slope: takes off what the gradients of `direct` readers lack, where
/// offset is the sum over them of scale * diff_beta / rows, and slope that of scale * diff_gamma / sigma / rows.
/// diff_src may be diff_dst.
template <class T>
void batch_norm_correct(const BatchNormGeometry& g, const Param<T>* mean, const Param<T>* offset, const Param<T>* slope,
                        const T* src, const T* diff_dst, T* diff_src);

}  // namespace keel::kernels
