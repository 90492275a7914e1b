// Layouts of weights, as those see them who only keep, compare and copy weights. Each owner of kernels has layouts of
// its own: igemm/panels.h, onednn/weights_layout.h.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/conv/conv.h"

namespace keel::kernels {

/// The extents of weights: groups times [oc, ic, kh, kw].
struct WeightsDims {
    explicit WeightsDims(const Conv2dGeometry& g);

    std::int64_t groups, oc, ic, kh, kw;

    bool operator==(const WeightsDims&) const = default;
};

/// A layout that knows its dims. Immutable; equal layouts are one object, which lives as long as the process.
class ConvWeightsLayout {
public:
    virtual ~ConvWeightsLayout() = default;

    /// Returns the floats of a buffer in this layout, padding included.
    virtual std::int64_t elements() const = 0;
    /// Make exact copies from and to plain OIHW; padding is written as 0.
    virtual void pack(const float* plain, float* packed) const = 0;
    virtual void unpack(const float* packed, float* plain) const = 0;

    const WeightsDims& dims() const { return dims_; }

protected:
    explicit ConvWeightsLayout(const WeightsDims& dims) : dims_(dims) {}

private:
    WeightsDims dims_;
};

/// Null stands for plain OIHW.
using WeightsLayout = std::shared_ptr<const ConvWeightsLayout>;

/// Whether two layouts order the elements alike (null equals null only).
bool same_layout(const WeightsLayout& a, const WeightsLayout& b);

/// Call the layout's own functions; throw UsageError for the null layout, which knows no dims.
std::int64_t layout_elements(const WeightsLayout& layout);
void pack_weights(const WeightsLayout& layout, const float* plain, float* packed);
void unpack_weights(const WeightsLayout& layout, const float* packed, float* plain);

/// Throws UsageError if the layout is for weights of other dims than this geometry's.
void require_dims(const ConvWeightsLayout& layout, const Conv2dGeometry& g);

}  // namespace keel::kernels
