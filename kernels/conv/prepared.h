// Convolutions of inference: weights packed once, and the passes that stand around a convolution fused into it.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/activation/activation.h"
#include "kernels/conv/conv.h"

namespace keel::kernels {

/// dst = activation(conv(x) + bias + residual), or activation(max(0, .)) of that sum if relu, where x is src, or
/// max(0, src * src_scale + src_shift) if src_affine. Maps are src, the residual and dst: f32, or bf16, whose products
/// are of bf16 then, weights rounded, with sums of f32.
struct ConvFusion {
    bool src_affine = false, bias = false, residual = false, relu = false;
    Activation activation{};
    DType maps = DType::f32;
};

/// Null where the fusion has no use for it. The residual has dst's shape and may be dst itself.
struct ConvOperands {
    ConstMap src;
    const float *src_scale = nullptr, *src_shift = nullptr;  ///< [ic]
    const float* weights = nullptr;                          ///< packed
    const float* bias = nullptr;                             ///< [oc]
    ConstMap residual;
    Map dst;
};

/// One convolution of a network, by the algorithm that serves its geometry best. Immutable: any number of threads may
/// run it.
class PreparedConv {
public:
    virtual ~PreparedConv() = default;

    /// Returns the floats of the packed weights.
    virtual std::int64_t weights_elements() const = 0;
    /// Packs plain OIHW; `packed` is aligned to 64 bytes.
    virtual void pack(const float* plain, float* packed) const = 0;
    /// Runs on `n` images, any number. All distances between pixels are allowed; those of dense maps are the fastest.
    virtual void run(std::int64_t n, const ConvOperands& operands) const = 0;
    /// Returns a name for people, e.g. "jit_1x1:avx2".
    virtual std::string algorithm() const = 0;
};

/// Throws UsageError if a map that is there has elements of another type.
void require_maps(const ConvOperands& operands, DType type);

}  // namespace keel::kernels
