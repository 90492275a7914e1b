#include "kernels/routing/conv2d.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/bf16.h"
#include "kernels/cpu.h"
#include "kernels/error.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/winograd.h"
#include "kernels/onednn/conv.h"
#include "kernels/parallel.h"
#include "kernels/routing/choice.h"

namespace keel::kernels {
namespace {

/// Whether all pixels begin where a word of two bf16 may.
bool at_words(ConstMap map) { return map.ld % 2 == 0 && reinterpret_cast<std::uintptr_t>(map.data) % 4 == 0; }

bool by_winograd(const Conv2dGeometry& g, DType type) { return winograd_wins(g, active_isa(), type); }

/// Whether Keel's own kernels serve this call.
bool own(const Conv2dGeometry& g, const WeightsLayout& layout) {
    check_geometry(g);
    if (!own_kernels_read(layout)) return false;
    require_dims(*layout, g);
    return true;
}

/// What oneDNN cannot take is the caller's mistake: layouts are public, and so is who reads them.
void require_dense(const char* map, std::int64_t ld, std::int64_t pixels, std::int64_t channels) {
    if (ld != 0 && ld != channels && pixels > 1)
        throw UsageError(std::string("[conv2d] wanted dense pixels in ") + map +
                         " for this layout of the weights, got " + std::to_string(ld) + " elements between pixels of " +
                         std::to_string(channels) + " channels");
}

/// Throws UsageError for types that the kernels of a call do not take; `read` is the map whose pixels are multiplied.
void require_types(const Conv2dGeometry& g, bool ours, const char* read, ConstMap map, const char* other,
                   DType other_type) {
    if (map.type != DType::bf16 || !(ours || onednn::takes_halves(g))) {
        kernels::require_f32("conv2d", read, map.type);
        return kernels::require_f32("conv2d", other, other_type);
    }
    if (other_type != DType::bf16)
        throw UsageError(std::string("[conv2d] wanted bf16 elements in ") + other + " as in " + read + ", got " +
                         std::string(name(other_type)));
    if (ours && !at_words(map))
        throw UsageError(std::string("[conv2d] wanted pixels of bf16 that begin at words of 32 bits in ") + read +
                         ", got one elsewhere");
}

void require_no_affine(bool given, const char* wanted) {
    if (given) throw UsageError(std::string("[conv2d] an affine of src wants ") + wanted);
}

template <class T>
void sum_pixels(std::int64_t pixels, std::int64_t channels, const T* map, std::int64_t ld, float* sums) {
    ColumnPartials partials{pixels, channels, 1};
    partials.fill([&](std::int64_t chunk) {
        double* sum = partials.of(chunk, 0);
        const T* pixel = map + partials.chunks().begin(chunk) * ld;
        for (std::int64_t p = 0; p < partials.chunks().rows(chunk); ++p, pixel += ld)
            for (std::int64_t c = 0; c < channels; ++c) sum[c] += static_cast<double>(pixel[c]);
    });
    const double* total = partials.total(0);
    for (std::int64_t c = 0; c < channels; ++c) sums[c] = static_cast<float>(total[c]);
}

/// Gives some pixels of bf16 to an epilogue, in f32, and takes back what it makes of them.
void feed_halves(RowEpilogue& epilogue, std::int64_t chunk, std::int64_t count, std::int64_t channels, Bf16* first,
                 std::int64_t ld) {
    std::vector<float> rows(static_cast<std::size_t>(count * channels));
    for (std::int64_t p = 0; p < count; ++p) std::copy_n(first + p * ld, channels, rows.data() + p * channels);
    epilogue.take(chunk, 0, channels, rows.data(), channels);
    for (std::int64_t p = 0; p < count; ++p) std::copy_n(rows.data() + p * channels, channels, first + p * ld);
}

/// Gives all pixels of a map that is made to an epilogue, if there is one.
void feed(RowEpilogue* epilogue, std::int64_t pixels, std::int64_t channels, Map map) {
    if (epilogue == nullptr) return;
    const RowChunks chunks(pixels, chunk_rows(pixels, channels));
    epilogue->begin(chunks);
    parallel_for(chunks.count(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t chunk = begin; chunk < end; ++chunk) {
            std::byte* first = element(map, chunks.begin(chunk) * map.ld);
            if (map.type == DType::bf16)
                feed_halves(*epilogue, chunk, chunks.rows(chunk), channels, reinterpret_cast<Bf16*>(first), map.ld);
            else
                epilogue->take(chunk, 0, channels, reinterpret_cast<float*>(first), map.ld);
        }
    });
}

const char* span_name(const Conv2dGeometry& g, const char* pointwise, const char* any) {
    return g.pointwise() ? pointwise : any;
}

}  // namespace

bool forward_takes_affine(const Conv2dGeometry& g, const WeightsLayout& layout, DType type) {
    return own_kernels_read(layout) && (by_winograd(g, type) || (g.pointwise() && g.unpadded()));
}

bool takes_halves(const Conv2dGeometry& g, const WeightsLayout& layout) {
    return own_kernels_read(layout) || onednn::takes_halves(g);
}

bool takes_map(const WeightsLayout& layout, ConstMap map) {
    return own_kernels_read(layout) && (map.type == DType::f32 || (map.type == DType::bf16 && at_words(map)));
}

WeightsLayout preferred_layout(const Conv2dGeometry& g, bool training, DType type) {
    check_geometry(g);
    if (igemm_serves(g) && prefers_own(g, type)) return panel_layout(g);
    return onednn::preferred_layout(g, training);
}

void conv2d_forward(const Conv2dGeometry& g, bool training, ConstMap src, const float* weights,
                    const WeightsLayout& layout, const float* bias, Map dst, const ConvAffine& src_affine,
                    RowEpilogue* epilogue) {
    const bool ours = own(g, layout);
    require_types(g, ours, "src", src, "dst", dst.type);
    const profile::Span span(span_name(g, "conv2d_forward 1x1", "conv2d_forward"), conv2d_cost(g, src.type, epilogue));
    if (ours) {
        require_no_affine(src_affine.scale != nullptr && !forward_takes_affine(g, layout, src.type),
                          "a kernel that takes it");
        const auto pass = by_winograd(g, src.type) ? winograd_forward : igemm_forward;
        return pass(g, with_ld(src, g.ic), weights, {.src_affine = src_affine, .bias = bias, .epilogue = epilogue},
                    with_ld(dst, g.oc));
    }
    require_no_affine(src_affine.scale != nullptr, "weights in panels");
    const std::int64_t pixels = g.n * g.oh() * g.ow();
    require_dense("src", src.ld, g.n * g.ih * g.iw, g.ic);
    require_dense("dst", dst.ld, pixels, g.oc);
    onednn::forward(g, training, src, weights, layout, bias, dst);
    feed(epilogue, pixels, g.oc, with_ld(dst, g.oc));
}

bool backward_data_streams(const Conv2dGeometry& g, const WeightsLayout& layout) {
    return own_kernels_read(layout) && g.stride_h == 1 && g.stride_w == 1;
}

void conv2d_backward_data(const Conv2dGeometry& g, ConstMap diff_dst, const float* weights, const WeightsLayout& layout,
                          Map diff_src, bool accumulate, RowEpilogue* epilogue) {
    const bool ours = own(g, layout), streams = backward_data_streams(g, layout);
    require_types(g, ours, "diff_dst", diff_dst, "diff_src", diff_src.type);
    if (diff_dst.type == DType::bf16 && epilogue != nullptr && !streams)
        throw UsageError("[conv2d] an epilogue of bf16 maps wants a pass that streams to it");
    const profile::Span span(span_name(g, "conv2d_backward_data 1x1", "conv2d_backward_data"),
                             conv2d_cost(g, diff_dst.type, epilogue, true));
    if (diff_src.data == nullptr && (epilogue == nullptr || !streams))
        throw UsageError("[conv2d] a null diff_src wants an epilogue and a pass that streams to it");
    const Map to = with_ld(diff_src, g.ic);
    if (ours) {
        const auto pass = by_winograd(g, diff_dst.type) ? winograd_backward_data : igemm_backward_data;
        IgemmFusion fusion{.epilogue = streams ? epilogue : nullptr};
        if (accumulate) fusion.residual = {to.data, to.ld, to.type};
        pass(g, with_ld(diff_dst, g.oc), weights, fusion, to);
    } else {
        if (accumulate) throw UsageError("[conv2d] to accumulate in backward data wants weights in panels");
        require_dense("diff_dst", diff_dst.ld, g.n * g.oh() * g.ow(), g.oc);
        require_dense("diff_src", diff_src.ld, g.n * g.ih * g.iw, g.ic);
        onednn::backward_data(g, diff_dst, weights, layout, diff_src);
    }
    if (!streams) feed(epilogue, g.n * g.ih * g.iw, g.ic, to);
}

void conv2d_backward_weights(const Conv2dGeometry& g, ConstMap src, ConstMap diff_dst, float* diff_weights,
                             const WeightsLayout& layout, float* diff_bias, const ConvAffine& src_affine) {
    const bool ours = own(g, layout);
    require_types(g, ours, "src", src, "diff_dst", diff_dst.type);
    const profile::Span span(span_name(g, "conv2d_backward_weights 1x1", "conv2d_backward_weights"),
                             conv2d_cost(g, src.type));
    if (ours) {
        const auto pass = by_winograd(g, src.type) ? winograd_backward_weights : igemm_backward_weights;
        pass(g, with_ld(src, g.ic), src_affine, with_ld(diff_dst, g.oc), diff_weights);
        if (diff_bias == nullptr) return;
        const std::int64_t pixels = g.n * g.oh() * g.ow(), ld = with_ld(diff_dst, g.oc).ld;
        if (diff_dst.type == DType::bf16)
            return sum_pixels(pixels, g.oc, static_cast<const Bf16*>(diff_dst.data), ld, diff_bias);
        return sum_pixels(pixels, g.oc, diff_dst.floats(), ld, diff_bias);
    }
    require_no_affine(src_affine.scale != nullptr, "weights in panels");
    require_dense("src", src.ld, g.n * g.ih * g.iw, g.ic);
    require_dense("diff_dst", diff_dst.ld, g.n * g.oh() * g.ow(), g.oc);
    onednn::backward_weights(g, src, diff_dst, diff_weights, layout, diff_bias);
}

}  // namespace keel::kernels
