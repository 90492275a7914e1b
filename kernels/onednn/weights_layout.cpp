#include "kernels/onednn/weights_layout.h"

#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/igemm/igemm.h"
#include "kernels/onednn/runtime.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace onednn {

dnnl::memory::dims weights_dims(const Conv2dGeometry& g) {
    if (g.groups == 1) return {g.oc, g.ic, g.kh, g.kw};
    return {g.groups, g.oc / g.groups, g.ic / g.groups, g.kh, g.kw};
}

void require_dims(const ConvWeightsLayout& layout, const Conv2dGeometry& g) {
    const dnnl::memory::dims dims = weights_dims(g);
    if (layout.dims == dims) return;
    const auto text = [](const dnnl::memory::dims& list) {
        std::string joined;
        for (const auto dim : list) joined += (joined.empty() ? "" : "x") + std::to_string(dim);
        return joined;
    };
    throw UsageError("[conv2d] the weights layout is for " + text(layout.dims) + ", the geometry wants " + text(dims));
}

dnnl::memory::desc any_weights(const dnnl::memory::dims& dims) {
    return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

dnnl::memory::desc plain_weights(const dnnl::memory::dims& dims) {
    const auto tag = dims.size() == 4 ? dnnl::memory::format_tag::oihw : dnnl::memory::format_tag::goihw;
    return {dims, dnnl::memory::data_type::f32, tag};
}

WeightsLayout layout_of(const dnnl::memory::dims& dims, const dnnl::memory::desc& desc, int panels) {
    static std::mutex mutex;
    static std::vector<WeightsLayout> layouts;
    const std::lock_guard lock(mutex);
    for (const WeightsLayout& layout : layouts)
        if (layout->desc == desc && layout->panels == panels) return layout;
    layouts.push_back(std::make_shared<ConvWeightsLayout>(ConvWeightsLayout{dims, desc, plain_weights(dims), panels}));
    return layouts.back();
}

WeightsLayout panels(const Conv2dGeometry& g, int columns) {
    using tag = dnnl::memory::format_tag;
    const tag layout = columns == 8 ? tag::Acdb8a : columns == 16 ? tag::Acdb16a : tag::Acdb32a;
    const dnnl::memory::dims dims = weights_dims(g);
    return layout_of(dims, {dims, dnnl::memory::data_type::f32, layout}, columns);
}

Reorder::Reorder(const dnnl::memory::desc& from_desc, const dnnl::memory::desc& to_desc) : from(from_desc), to(to_desc) {
    const dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, attributes());
    scratchpad = pd.scratchpad_desc();
    primitive = dnnl::reorder(pd);
}

void Reorder::run(const float* source, float* target, std::byte* scratchpad_data) const {
    execute(primitive, {{DNNL_ARG_FROM, wrap(from, source)},
                        {DNNL_ARG_TO, wrap(to, target)},
                        {DNNL_ARG_SCRATCHPAD, wrap(scratchpad, scratchpad_data)}});
}

namespace {

const ConvWeightsLayout& known(const WeightsLayout& layout) {
    if (layout == nullptr) throw UsageError("[conv2d] wanted a layout that knows its dims, got the null (plain) layout");
    return *layout;
}

/// Packing happens when a model is made, loaded or saved, so its reorders are not worth a cache of Keel's own.
void copy(const dnnl::memory::desc& from, const dnnl::memory::desc& to, const float* source, float* target) {
    const Session session;
    if (from == to) {
        std::memcpy(target, source, from.get_size());
        return;
    }
    const Reorder reorder(from, to);
    reorder.run(source, target, scratch(reorder.scratchpad_bytes()));
}

}  // namespace
}  // namespace onednn

std::int64_t layout_elements(const WeightsLayout& layout) {
    return static_cast<std::int64_t>(onednn::known(layout).desc.get_size() / sizeof(float));
}

bool own_kernels_read(const WeightsLayout& layout) { return layout != nullptr && layout->panels == igemm_columns(); }

bool same_layout(const WeightsLayout& a, const WeightsLayout& b) { return a == b; }

void pack_weights(const WeightsLayout& layout, const float* plain, float* packed) {
    const ConvWeightsLayout& l = onednn::known(layout);
    onednn::copy(l.plain, l.desc, plain, packed);
}

void unpack_weights(const WeightsLayout& layout, const float* packed, float* plain) {
    const ConvWeightsLayout& l = onednn::known(layout);
    onednn::copy(l.desc, l.plain, packed, plain);
}

}  // namespace keel::kernels
