// oneDNN's layouts of weights: its memory descriptors, each kept once, so that layouts can be keys of a cache.
#pragma once

#include <cstddef>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/conv/weights_layout.h"

namespace keel::kernels::onednn {

class DescLayout final : public ConvWeightsLayout {
public:
    DescLayout(const WeightsDims& of, const dnnl::memory::desc& layout);

    std::int64_t elements() const override;
    void pack(const float* plain_weights, float* packed) const override;
    void unpack(const float* packed, float* plain_weights) const override;

    dnnl::memory::desc desc, plain;  ///< this layout, and OIHW
};

/// Returns the dims as oneDNN counts them: [o, i, h, w], or [g, o, i, h, w] for a grouped convolution.
dnnl::memory::dims memory_dims(const WeightsDims& dims);

/// Returns a descriptor that leaves the layout to the primitive.
dnnl::memory::desc any_weights(const WeightsDims& dims, dnnl::memory::data_type type = dnnl::memory::data_type::f32);

/// Returns the descriptor of OIHW.
dnnl::memory::desc plain_weights(const WeightsDims& dims);

/// Returns the one layout of this descriptor.
std::shared_ptr<const DescLayout> layout_of(const WeightsDims& dims, const dnnl::memory::desc& desc);

/// A copy from one layout into another of the same dims, and perhaps type; the padding of the target becomes 0.
struct Reorder {
    Reorder(const dnnl::memory::desc& from_desc, const dnnl::memory::desc& to_desc);
    /// `scratchpad` holds scratchpad_bytes().
    void run(const float* source, float* target, std::byte* scratchpad) const;
    std::size_t scratchpad_bytes() const { return scratchpad.get_size(); }

    dnnl::memory::desc from, to, scratchpad;
    dnnl::reorder primitive;
};

}  // namespace keel::kernels::onednn
