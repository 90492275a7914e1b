#include "kernels/onednn/conv.h"

#include <algorithm>
#include <vector>

#include "kernels/onednn/conv_plan.h"
#include "kernels/onednn/library.h"
#include "kernels/onednn/pieces.h"
#include "kernels/onednn/runtime.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace onednn {
namespace {

/// The caller's layout as oneDNN knows it: null (plain OIHW) for one of another owner, from or to which `plain` is
/// copied.
struct CallerLayout {
    CallerLayout(const Conv2dGeometry& g, const WeightsLayout& layout) {
        if (layout == nullptr) return;
        require_dims(*layout, g);
        desc = dynamic_cast<const DescLayout*>(layout.get());
        if (desc == nullptr) plain.resize(static_cast<std::size_t>(g.weights_elements()));
    }

    /// Returns weights that are read in the layout `desc`.
    const float* readable(const WeightsLayout& layout, const float* weights) {
        if (plain.empty()) return weights;
        layout->unpack(weights, plain.data());
        return plain.data();
    }

    const DescLayout* desc = nullptr;
    std::vector<float> plain;
};

/// Adds up `count` arrays that follow one another, in order.
void sum_partials(const float* partials, std::size_t count, std::int64_t elements, float* sum) {
    parallel_for(elements, 4096, [&](std::int64_t begin, std::int64_t end) {
        std::copy(partials + begin, partials + end, sum + begin);
        for (std::size_t i = 1; i < count; ++i) {
            const float* partial = partials + static_cast<std::int64_t>(i) * elements;
            for (std::int64_t j = begin; j < end; ++j) sum[j] += partial[j];
        }
    });
}

}  // namespace

WeightsLayout preferred_layout(const Conv2dGeometry& g, bool training) { return preferred(typical(g), training); }

bool takes_halves(const Conv2dGeometry& g) {
    const Conv2dGeometry one = typical(g), images = cut_images(g, g.n).front().geometry;
    const auto serves = [](const Conv2dGeometry& piece, Pass pass) {
        return is_fast({.geometry = piece, .pass = pass, .bias = false, .layout = nullptr, .maps = DType::bf16});
    };
    return serves(one, Pass::forward_training) && serves(images, Pass::backward_data) &&
           serves(images, Pass::backward_weights);
}

void forward(const Conv2dGeometry& g, bool training, ConstMap src, const float* weights, const WeightsLayout& layout,
             const float* bias, Map dst) {
    const Pass pass = training ? Pass::forward_training : Pass::forward_inference;
    CallerLayout caller(g, layout);
    const float* readable = caller.readable(layout, weights);
    const PieceRun pieces(cut(g), [&](const Conv2dGeometry& piece) {
        return PlanKey{piece, pass, bias != nullptr, caller.desc, false, false, src.type};
    });
    pieces.run(readable, scratch(pieces.bytes()), [&](const PieceRun::Place& at) {
        execute(at.plan.primitive, {{DNNL_ARG_SRC, wrap(at.plan.src, element(src, at.piece.src_offset(g)))},
                                    {DNNL_ARG_WEIGHTS, wrap(at.plan.weights, at.weights)},
                                    {DNNL_ARG_BIAS, wrap(at.plan.bias, bias)},
                                    {DNNL_ARG_DST, wrap(at.plan.dst, element(dst, at.piece.dst_offset(g)))},
                                    {DNNL_ARG_SCRATCHPAD, wrap(at.plan.scratchpad, at.scratchpad)}});
    });
}

void backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const WeightsLayout& layout,
                   Map diff_src) {
    CallerLayout caller(g, layout);
    const float* readable = caller.readable(layout, weights);
    const PieceRun pieces(cut_images(g, g.n), [&](const Conv2dGeometry& piece) {
        return PlanKey{piece, Pass::backward_data, false, caller.desc, false, false, diff_dst.type};
    });
    pieces.run(readable, scratch(pieces.bytes()), [&](const PieceRun::Place& at) {
        execute(at.plan.primitive, {{DNNL_ARG_DIFF_DST, wrap(at.plan.dst, element(diff_dst, at.piece.dst_offset(g)))},
                                    {DNNL_ARG_WEIGHTS, wrap(at.plan.weights, at.weights)},
                                    {DNNL_ARG_DIFF_SRC, wrap(at.plan.src, element(diff_src, at.piece.src_offset(g)))},
                                    {DNNL_ARG_SCRATCHPAD, wrap(at.plan.scratchpad, at.scratchpad)}});
    });
}

void backward_weights(const Conv2dGeometry& g, ConstMap src, ConstMap diff_dst, float* diff_weights,
                      const WeightsLayout& layout, float* diff_bias) {
    CallerLayout caller(g, layout);
    float* wanted = caller.plain.empty() ? diff_weights : caller.plain.data();
    const std::int64_t elements = caller.desc != nullptr ? caller.desc->elements() : g.weights_elements();
    const std::vector<Piece> shares = cut_images(g, most_partials(elements));
    const PieceRun pieces(shares, [&](const Conv2dGeometry& piece) {
        return PlanKey{piece, Pass::backward_weights, diff_bias != nullptr, caller.desc, false, false, src.type};
    });
    const bool alone = shares.size() == 1;
    const auto floats = [&](std::int64_t count) {
        return alone ? 0 : section(shares.size() * static_cast<std::size_t>(count) * sizeof(float));
    };
    std::byte* memory = scratch(pieces.bytes() + floats(elements) + floats(g.oc));
    float* sums = alone ? wanted : reinterpret_cast<float*>(memory + pieces.bytes());
    float* biases = alone ? diff_bias : reinterpret_cast<float*>(memory + pieces.bytes() + floats(elements));
    pieces.run(nullptr, memory, [&](const PieceRun::Place& at) {
        const auto index = static_cast<std::int64_t>(at.index);
        float* own = sums + index * elements;
        float* written = at.plan.reorder ? at.weights : own;
        execute(at.plan.primitive,
                {{DNNL_ARG_SRC, wrap(at.plan.src, element(src, at.piece.src_offset(g)))},
                 {DNNL_ARG_DIFF_DST, wrap(at.plan.dst, element(diff_dst, at.piece.dst_offset(g)))},
                 {DNNL_ARG_DIFF_WEIGHTS, wrap(at.plan.weights, written)},
                 {DNNL_ARG_DIFF_BIAS, wrap(at.plan.bias, diff_bias == nullptr ? nullptr : biases + index * g.oc)},
                 {DNNL_ARG_SCRATCHPAD, wrap(at.plan.scratchpad, at.scratchpad)}});
        if (at.plan.reorder) at.plan.reorder->run(written, own, at.scratchpad);
    });
    if (!alone) {
        sum_partials(sums, shares.size(), elements, wanted);
        if (diff_bias != nullptr) sum_partials(biases, shares.size(), g.oc, diff_bias);
    }
    if (wanted != diff_weights) layout->pack(wanted, diff_weights);
}

}  // namespace onednn

ConvImplementations conv2d_implementations(const Conv2dGeometry& g) {
    const Conv2dGeometry one = onednn::typical(g);
    const auto layout = onednn::preferred(one, true);
    const auto name = [&](const Conv2dGeometry& piece, onednn::Pass pass) {
        return onednn::implementation({piece, pass, false, layout.get()});
    };
    const Conv2dGeometry images = onednn::cut_images(g, g.n).front().geometry;
    return {name(one, onednn::Pass::forward_training), name(images, onednn::Pass::backward_data),
            name(images, onednn::Pass::backward_weights)};
}

std::int64_t conv2d_primitive_count() { return onednn::plan_count(); }

void trim_primitives() { onednn::trim_plans(); }

}  // namespace keel::kernels
