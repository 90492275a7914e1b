// Weights layouts: oneDNN's memory descriptors, each kept once, so that equal layouts are one object and can be keys of a cache.
#pragma once

#include <cstddef>
#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/conv/conv.h"

namespace keel::kernels {

class ConvWeightsLayout {
public:
    dnnl::memory::dims dims;         ///< [o, i, h, w], or [g, o, i, h, w] for a grouped convolution
    dnnl::memory::desc desc, plain;  ///< this layout, and OIHW
    int panels = 0;                  ///< columns of the panels that Keel's own kernels read; 0: a layout of oneDNN's
};

namespace onednn {

/// The dims of a geometry's weights as oneDNN counts them.
dnnl::memory::dims weights_dims(const Conv2dGeometry& g);

/// Throws UsageError if the layout is for weights of other dims than this geometry's.
void require_dims(const ConvWeightsLayout& layout, const Conv2dGeometry& g);

/// A descriptor that leaves the layout to the primitive, and that of OIHW.
dnnl::memory::desc any_weights(const dnnl::memory::dims& dims);
dnnl::memory::desc plain_weights(const dnnl::memory::dims& dims);

/// The one layout object of this descriptor and readership; lives as long as the process.
WeightsLayout layout_of(const dnnl::memory::dims& dims, const dnnl::memory::desc& desc, int panels = 0);

/// [oc / columns][kh][kw][ic][columns].
WeightsLayout panels(const Conv2dGeometry& g, int columns);

/// A copy from one layout into another of the same dims; the padding of the target becomes 0.
struct Reorder {
    Reorder(const dnnl::memory::desc& from_desc, const dnnl::memory::desc& to_desc);
    /// `scratchpad` holds scratchpad_bytes().
    void run(const float* source, float* target, std::byte* scratchpad) const;
    std::size_t scratchpad_bytes() const { return scratchpad.get_size(); }

    dnnl::memory::desc from, to, scratchpad;
    dnnl::reorder primitive;
};

}  // namespace onednn
}  // namespace keel::kernels
