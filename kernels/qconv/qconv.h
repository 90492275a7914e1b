// Convolution of quantized values: u8 activations, s8 weights, exact s32 sums, and what comes after them done in
// registers. Every number is the same on every ISA, for any number of threads and images, bit for bit: the sums are
// integers, and the few float operations are fused multiply-adds, conversions and comparisons, each of them exactly
// rounded, in one order. docs/quantization.md has the arithmetic. Maps are NHWC with any distance between pixels. No
// im2col matrix is made: a tile of pixels is read in place where its taps lie evenly, else gathered into the
// first-level cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/conv/conv.h"
#include "kernels/qconv/plan.h"
#include "kernels/quant/quant.h"

namespace keel::kernels {

/// The weights of a convolution, as they are before packing.
struct QconvWeights {
    const std::int8_t* weights = nullptr;            ///< [oc][ic / groups][kh][kw]
    const float *scale = nullptr, *shift = nullptr;  ///< [oc], finite
    const float* residual_scale = nullptr;           ///< [oc], finite; null: no residual is added
};

struct QconvOperands {
    ConstQuantizedMap src;
    QuantPrologue prologue;
    const std::uint8_t* pad = nullptr;  ///< [ic]: those outside the map, as if read through `prologue`; null: 0
    const std::byte* packed = nullptr;  ///< weights
    ConstQuantizedMap residual;         ///< of dst's extents; may be dst itself
    float least = 0;   ///< of the result: for quantized values a whole number, that of 0 where ReLU is wanted
    QuantizedMap dst;  ///< this,
    Map floats;        ///< or this
};

/// How sums are made; they are the same. `fastest` is one of the others, by measurement.
enum class QconvMethod : std::uint8_t { fastest, direct, winograd2, winograd4 };

/// A convolution of one geometry:
///   acc[o] = sum over taps and channels of weights[o] * prologue(src), in s32;
///   v[o] = max(least, acc[o] * scale[o] + shift[o] + residual[o] * residual_scale[o]), from left to right by fused
///   multiply-adds; dst = v to the nearest integer (even), at most 255; or v itself in floats.
/// Immutable: any number of threads may run it.
class Qconv {
public:
    /// Tuned for `g.n` images a run. Throws UsageError for a geometry that makes no sense, or whose sums could leave 32
    /// bits: more than 65793 products of 255 * 128.
    explicit Qconv(const Conv2dGeometry& g);
    /// On a variant of kernels/qconv/variants.h, whatever the active ISA: the machine must have its features.
    /// Throws UsageError where `method` is Winograd's algorithm and does not serve: see qconv/winograd.h.
    Qconv(const Conv2dGeometry& g, const QconvVariant& variant, QconvMethod method = QconvMethod::fastest);

    /// Returns the bytes of the packed weights, which are aligned to 64: panels of up to four vectors of columns [k /
    /// group][columns][group], where a group is what one lane sums at once (four s8, or two s16 on ISAs without VNNI
    /// and by Winograd's algorithm, of each position), then the factors.
    std::size_t packed_bytes() const;
    void pack(const QconvWeights& plain, std::byte* packed) const;
    /// Replaces the shift in packed weights.
    void set_shift(const float* shift, std::byte* packed) const;

    /// Runs on `n` images, any number.
    void run(std::int64_t n, const QconvOperands& operands) const;

    const QconvPlan& plan() const { return plan_; }

private:
    QconvPlan plan_;
};

}  // namespace keel::kernels
