#include "kernels/onednn/weights_layout.h"

#include <cstring>
#include <mutex>
#include <vector>

#include "kernels/immortal.h"
#include "kernels/onednn/runtime.h"
#include "kernels/scratch.h"

namespace keel::kernels::onednn {
namespace {

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

DescLayout::DescLayout(const WeightsDims& of, const dnnl::memory::desc& layout)
    : ConvWeightsLayout(of), desc(layout), plain(onednn::plain_weights(of)) {}

std::int64_t DescLayout::elements() const { return static_cast<std::int64_t>(desc.get_size() / sizeof(float)); }

void DescLayout::pack(const float* plain_weights, float* packed) const { copy(plain, desc, plain_weights, packed); }

void DescLayout::unpack(const float* packed, float* plain_weights) const { copy(desc, plain, packed, plain_weights); }

dnnl::memory::dims memory_dims(const WeightsDims& d) {
    if (d.groups == 1) return {d.oc, d.ic, d.kh, d.kw};
    return {d.groups, d.oc, d.ic, d.kh, d.kw};
}

dnnl::memory::desc any_weights(const WeightsDims& dims, dnnl::memory::data_type type) {
    return {memory_dims(dims), type, dnnl::memory::format_tag::any};
}

dnnl::memory::desc plain_weights(const WeightsDims& dims) {
    const auto tag = dims.groups == 1 ? dnnl::memory::format_tag::oihw : dnnl::memory::format_tag::goihw;
    return {memory_dims(dims), dnnl::memory::data_type::f32, tag};
}

std::shared_ptr<const DescLayout> layout_of(const WeightsDims& dims, const dnnl::memory::desc& desc) {
    static constinit Immortal<std::vector<std::shared_ptr<const DescLayout>>> known;
    auto& layouts = known.get();
    const std::lock_guard lock(making());
    for (const auto& layout : layouts)
        if (layout->desc == desc) return layout;
    layouts.push_back(std::make_shared<DescLayout>(dims, desc));
    return layouts.back();
}

Reorder::Reorder(const dnnl::memory::desc& from_desc, const dnnl::memory::desc& to_desc)
    : from(from_desc), to(to_desc) {
    const Making made;
    const dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, attributes());
    scratchpad = pd.scratchpad_desc();
    primitive = dnnl::reorder(pd);
}

void Reorder::run(const float* source, float* target, std::byte* scratchpad_data) const {
    execute(primitive, {{DNNL_ARG_FROM, wrap(from, source)},
                        {DNNL_ARG_TO, wrap(to, target)},
                        {DNNL_ARG_SCRATCHPAD, wrap(scratchpad, scratchpad_data)}});
}

}  // namespace keel::kernels::onednn
