#include "kernels/conv/weights_layout.h"

#include <string>

#include "kernels/error.h"

namespace keel::kernels {
namespace {

const ConvWeightsLayout& known(const WeightsLayout& layout) {
    if (layout == nullptr)
        throw UsageError("[conv2d] wanted a layout that knows its dims, got the null (plain) layout");
    return *layout;
}

std::string text(const WeightsDims& d) {
    std::string joined = d.groups == 1 ? "" : std::to_string(d.groups) + "x";
    joined += std::to_string(d.oc) + "x" + std::to_string(d.ic);
    return joined + "x" + std::to_string(d.kh) + "x" + std::to_string(d.kw);
}

}  // namespace

WeightsDims::WeightsDims(const Conv2dGeometry& g)
    : groups(g.groups), oc(g.oc / g.groups), ic(g.ic / g.groups), kh(g.kh), kw(g.kw) {}

bool same_layout(const WeightsLayout& a, const WeightsLayout& b) { return a == b; }

std::int64_t layout_elements(const WeightsLayout& layout) { return known(layout).elements(); }

void pack_weights(const WeightsLayout& layout, const float* plain, float* packed) { known(layout).pack(plain, packed); }

void unpack_weights(const WeightsLayout& layout, const float* packed, float* plain) {
    known(layout).unpack(packed, plain);
}

void require_dims(const ConvWeightsLayout& layout, const Conv2dGeometry& g) {
    const WeightsDims wanted(g);
    if (layout.dims() == wanted) return;
    throw UsageError("[conv2d] the weights layout is for " + text(layout.dims()) + ", the geometry wants " +
                     text(wanted));
}

}  // namespace keel::kernels
