// Batch normalisation over the rows of an NHWC matrix (Ioffe & Szegedy 2015), fused with ReLU.
// With xhat = (src - mean) / sqrt(variance + eps):   dst = gamma * xhat + beta, then max(0, .) if relu.
// Statistics are sums over fixed chunks of rows, combined in order: they do not depend on the number of threads.
// T is float (dispatched by ISA) or double (the reference).
#pragma once

#include <cstdint>

namespace keel::kernels {

/// rows = n * h * w pixels of c channels; distances between pixels in elements.
struct BatchNormGeometry {
    std::int64_t rows, c;
    std::int64_t src_ld, dst_ld;  ///< diff_dst has dst_ld
    std::int64_t diff_src_ld;     ///< backward only
    bool relu;
};

/// mean[i] and the biased variance[i] over the rows; rows >= 1. Each chunk is reduced with its own mean and the chunks are
/// merged in double (Chan et al. 1979), so a mean far from zero costs no digits.
template <class T>
void batch_norm_statistics(const BatchNormGeometry& g, const T* src, T* mean, T* variance);

/// dst as above, computed as (src - mean) * (gamma / sqrt(variance + eps)) + beta. src == dst is allowed if src_ld == dst_ld.
template <class T>
void batch_norm_forward(const BatchNormGeometry& g, T eps, const T* src, const T* mean, const T* variance, const T* gamma,
                        const T* beta, T* dst);

/// With dy = diff_dst where relu let it pass (recomputed from src exactly as in forward), else 0:
///   diff_beta = sum dy,  diff_gamma = sum dy * xhat,
///   diff_src = gamma / sigma * (dy - diff_beta / rows - xhat * diff_gamma / rows)    with the batch's own statistics,
///   diff_src = gamma / sigma * dy                                                    with given ones (`global_statistics`).
/// diff_src may be null (not wanted) or equal to diff_dst if the distances are equal.
template <class T>
void batch_norm_backward(const BatchNormGeometry& g, T eps, bool global_statistics, const T* src, const T* diff_dst, const T* mean,
                         const T* variance, const T* gamma, const T* beta, T* diff_src, T* diff_gamma, T* diff_beta);

/// The normalisation as one multiply-add: scale = gamma / sigma, shift = beta - mean * scale, each rounded once.
template <class T>
void batch_norm_affine(std::int64_t c, T eps, const T* mean, const T* variance, const T* gamma, const T* beta, T* scale, T* shift);

/// The part of the backward pass of y = max(0, src * scale + shift) that is a reader's own, where several batch norms read the same
/// channels, and so have the same statistics (DenseNet). With dy = diff_dst where y > 0, else 0:
///   deferred = gamma * dy (+ deferred where `accumulate`),  diff_beta = sum dy,  diff_gamma = sum dy * xhat.
/// Once all readers have added theirs, batch_norm_backward of `deferred` with gamma 1 and no ReLU is the gradient of the channels:
/// it is linear in its diff_dst. dst_ld is that of diff_dst, diff_src_ld that of deferred.
template <class T>
void batch_norm_backward_deferred(const BatchNormGeometry& g, T eps, const T* src, const T* diff_dst, const T* mean,
                                  const T* variance, const T* scale, const T* shift, const T* gamma, bool accumulate, T* deferred,
                                  T* diff_gamma, T* diff_beta);

}  // namespace keel::kernels
