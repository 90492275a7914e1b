#include "kernels/onednn/conv_plan.h"

#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

#include "kernels/error.h"
#include "kernels/immortal.h"
#include "kernels/onednn/compat.h"
#include "kernels/onednn/runtime.h"

namespace keel::kernels::onednn {
namespace {

using dnnl::memory;

memory::data_type data_type(DType type) {
    return type == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

ConvDescs describe(const Conv2dGeometry& g, bool bias, const memory::desc& weights, DType maps = DType::f32) {
    const auto f32 = memory::data_type::f32;
    const auto map = [&](std::int64_t channels, std::int64_t h, std::int64_t w) {
        return memory::desc({g.n, channels, h, w}, data_type(maps), memory::format_tag::nhwc);
    };
    return {map(g.ic, g.ih, g.iw),
            weights,
            bias ? memory::desc({g.oc}, f32, memory::format_tag::x) : memory::desc(),
            map(g.oc, g.oh(), g.ow()),
            {g.stride_h, g.stride_w},
            {g.dilation_h - 1, g.dilation_w - 1},
            {g.pad_h, g.pad_w},
            {g.pad_h + g.far_h, g.pad_w + g.far_w}};
}

ForwardPd forward_pd(const ConvDescs& descs, Pass pass, bool sum = false, bool relu = false) {
    const auto kind =
        pass == Pass::forward_inference ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
    if (!sum && !relu) return make_forward_pd(engine(), kind, descs, attributes());
    dnnl::post_ops after;
    if (sum) after.append_sum();
    if (relu) append_relu(after);
    dnnl::primitive_attr attr;  // not a copy of attributes(), which would share its state
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    attr.set_post_ops(after);
    return make_forward_pd(engine(), kind, descs, attr);
}

memory::desc weights_of(const ForwardPd& pd) { return pd.weights_desc(); }
memory::desc weights_of(const BackwardDataPd& pd) { return pd.weights_desc(); }
memory::desc weights_of(const BackwardWeightsPd& pd) { return pd.diff_weights_desc(); }

/// The type of the weights that a pass reads or makes.
memory::data_type weights_type(const PlanKey& key) {
    return key.pass == Pass::backward_weights ? memory::data_type::f32 : data_type(key.maps);
}

/// `make(weights)` with the layout left open; or with the caller's layout, which is of f32, if the same implementation
/// takes that, too.
template <class Make>
auto choose(const Make& make, const DescLayout& caller, memory::data_type type) {
    auto open = make(any_weights(caller.dims(), type));
    if (weights_of(open) == caller.desc || type != memory::data_type::f32) return open;
    try {
        auto fitting = make(caller.desc);
        if (std::string(fitting.impl_info_str()) == open.impl_info_str()) return fitting;
    } catch (const dnnl::error&) {  // no implementation for this layout at all
    }
    return open;
}

/// Calls use(primitive descriptor) with the one that serves `key`.
template <class Use>
auto with_primitive_desc(const PlanKey& key, const DescLayout& caller, const Use& use) {
    const auto descs = [&](const memory::desc& weights) { return describe(key.geometry, key.bias, weights, key.maps); };
    const auto hint = [&] {
        const memory::desc weights = any_weights(caller.dims(), data_type(key.maps));
        return forward_pd(describe(key.geometry, false, weights, key.maps), Pass::forward_training);
    };
    const memory::data_type type = weights_type(key);
    switch (key.pass) {
        case Pass::backward_data:
            return use(choose(
                [&](const memory::desc& w) { return make_backward_data_pd(engine(), descs(w), hint(), attributes()); },
                caller, type));
        case Pass::backward_weights:
            return use(choose(
                [&](const memory::desc& w) {
                    return make_backward_weights_pd(engine(), descs(w), hint(), attributes());
                },
                caller, type));
        default:
            return use(choose([&](const memory::desc& w) { return forward_pd(descs(w), key.pass, key.sum, key.relu); },
                              caller, type));
    }
}

/// The layout of the caller's weights, which must have the geometry's dims.
const DescLayout& caller_layout(const PlanKey& key) {
    const WeightsDims dims(key.geometry);
    if (key.layout == nullptr) return *layout_of(dims, plain_weights(dims));
    require_dims(*key.layout, key.geometry);
    return *key.layout;
}

dnnl::primitive compile(const ForwardPd& pd) { return dnnl::convolution_forward(pd); }
dnnl::primitive compile(const BackwardDataPd& pd) { return dnnl::convolution_backward_data(pd); }
dnnl::primitive compile(const BackwardWeightsPd& pd) { return dnnl::convolution_backward_weights(pd); }

std::shared_ptr<const Plan> make_plan(const PlanKey& key) {
    check_geometry(key.geometry);
    const DescLayout& caller = caller_layout(key);
    return with_primitive_desc(key, caller, [&](const auto& pd) {
        const ConvDescs descs = describe(key.geometry, key.bias, weights_of(pd), key.maps);
        auto plan = std::make_shared<Plan>(
            Plan{compile(pd), descs.src, descs.weights, descs.bias, descs.dst, pd.scratchpad_desc(), std::nullopt});
        if (descs.weights == caller.desc) return plan;
        if (key.pass == Pass::backward_weights)
            plan->reorder.emplace(descs.weights, caller.desc);
        else
            plan->reorder.emplace(caller.desc, descs.weights);
        return plan;
    });
}

/// `make()`, with oneDNN's own exceptions turned into Keel's.
template <class Make>
auto translated(const Make& make) {
    const Making made;
    try {
        return make();
    } catch (const dnnl::error& e) {
        if (e.status == dnnl_out_of_memory) throw std::bad_alloc();
        throw Error(std::string("[conv2d] oneDNN refused the convolution: ") + e.what());
    }
}

using Plans = std::map<PlanKey, std::shared_ptr<const Plan>>;

/// Under making(). Never destroyed: threads outlive main(), and so do the primitives that they run.
Plans& plans() {
    static constinit Immortal<Plans> map;
    return map.get();
}

}  // namespace

std::shared_ptr<const Plan> plan_for(const PlanKey& key) {
    const Session session;
    const std::lock_guard lock(making());
    auto found = plans().find(key);
    if (found == plans().end()) found = plans().emplace(key, translated([&] { return make_plan(key); })).first;
    return found->second;
}

void trim_plans() {
    const std::lock_guard lock(making());
    std::erase_if(plans(), [](const auto& entry) { return entry.second.use_count() == 1; });
}

std::int64_t plan_count() {
    const std::lock_guard lock(making());
    return static_cast<std::int64_t>(plans().size());
}

std::shared_ptr<const DescLayout> preferred(const Conv2dGeometry& g, bool training) {
    check_geometry(g);
    const Session session;
    const std::lock_guard lock(making());
    const WeightsDims dims(g);
    const ConvDescs descs = describe(g, false, any_weights(dims));
    const Pass pass = training ? Pass::forward_training : Pass::forward_inference;
    return translated([&] { return layout_of(dims, forward_pd(descs, pass).weights_desc()); });
}

std::string implementation(const PlanKey& key) {
    check_geometry(key.geometry);
    const Session session;
    const std::lock_guard lock(making());
    return translated([&] {
        return with_primitive_desc(key, caller_layout(key),
                                   [](const auto& pd) { return std::string(pd.impl_info_str()); });
    });
}

bool is_fast(const PlanKey& key) {
    static constinit Immortal<std::map<PlanKey, bool>> known;
    check_geometry(key.geometry);
    const Session session;
    const std::lock_guard lock(making());
    auto found = known.get().find(key);
    if (found != known.get().end()) return found->second;
    bool fast = false;
    try {
        const Making made;
        with_primitive_desc(key, caller_layout(key), [&](const auto& pd) {
            const std::string_view name = pd.impl_info_str();
            fast = !name.starts_with("ref") && !name.starts_with("gemm:ref");
        });
    } catch (const dnnl::error& e) {
        if (e.status == dnnl_out_of_memory) throw std::bad_alloc();  // else: none at all
    }
    known.get().emplace(key, fast);
    return fast;
}

}  // namespace keel::kernels::onednn
