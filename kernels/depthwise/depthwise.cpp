#include "kernels/depthwise/depthwise.h"

#include <algorithm>

#include "kernels/depthwise/variants.h"
#include "kernels/dispatch.h"
#include "kernels/parallel.h"
#include "kernels/replicas.h"
#include "kernels/scratch.h"

namespace keel::kernels {
namespace {

/// Floats of the weights that all pixels of a row meet before the next ones do: they stay in the first-level cache.
constexpr std::int64_t kChunkFloats = 4096;
/// Floats of src and dst that stay in the second-level cache.
constexpr std::int64_t kCachedFloats = 128 << 10;
/// Multiply-accumulates worth waking a thread for.
constexpr std::int64_t kGrain = 1 << 16;

std::int64_t taps_of(const Conv2dGeometry& g) { return std::int64_t{g.kh} * g.kw; }

/// Returns the channels of a chunk: whole panels, chunks about even.
std::int64_t chunk_channels(const Conv2dGeometry& g) {
    const std::int64_t panels = chunk_count(g.oc, kDepthwisePanel),
                       most = std::max<std::int64_t>(1, kChunkFloats / (taps_of(g) * kDepthwisePanel));
    return chunk_count(panels, chunk_count(panels, most)) * kDepthwisePanel;
}

constexpr float kZeros[kChunkFloats] = {};

/// Pointers that one thread needs.
std::int64_t pointers_of(const Conv2dGeometry& g) { return taps_of(g) * kDepthwiseColumns; }

/// Splits images, chunks of their channels and rows over the threads; a thread's rows follow one another.
void run(const DepthwiseCall& call, const Conv2dGeometry& g, const float** pointers) {
    const auto& variant = select(depthwise_variants);
    const std::int64_t chunk = chunk_channels(g), chunks = chunk_count(g.oc, chunk), units = g.n * chunks * call.oh;
    const std::int64_t parts = std::min<std::int64_t>({thread_count(), units, chunk_count(g.macs(), kGrain)});
    parallel_for(parts, 1, [&](std::int64_t first_part, std::int64_t last_part) {
        DepthwiseCall own = call;
        own.weights = near_copy(call.weights);
        for (std::int64_t i = first_part; i < last_part; ++i) {
            std::int64_t unit = units * i / parts;
            for (const std::int64_t end = units * (i + 1) / parts; unit < end;) {
                const std::int64_t y = unit % call.oh, begin = unit / call.oh % chunks * chunk,
                                   row = unit / call.oh / chunks * call.oh + y,
                                   count = std::min(call.oh - y, end - unit);
                variant.rows(own, row, row + count, begin, std::min(begin + chunk, g.oc),
                             pointers + i * pointers_of(g));
                unit += count;
            }
        }
    });
}

/// Writes each channel of an image as many times as it has kernels.
void repeat_channels(const Conv2dGeometry& g, const float* src, std::int64_t ld, float* dst) {
    const std::int64_t times = g.oc / g.ic;
    parallel_for(g.ih * g.iw, std::max<std::int64_t>(1, kGrain / g.oc), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t p = begin; p < end; ++p)
            for (std::int64_t c = 0; c < g.ic; ++c) std::fill_n(dst + p * g.oc + c * times, times, src[p * ld + c]);
    });
}

}  // namespace

bool depthwise_serves(const Conv2dGeometry& g) { return g.groups == g.ic && g.ic > 1; }

std::int64_t depthwise_weights_floats(const Conv2dGeometry& g) {
    return chunk_count(g.oc, kDepthwisePanel) * kDepthwisePanel * taps_of(g);
}

void depthwise_pack(const Conv2dGeometry& g, const float* plain, float* packed) {
    const std::int64_t taps = taps_of(g);
    std::fill_n(packed, depthwise_weights_floats(g), 0.0F);
    for (std::int64_t o = 0; o < g.oc; ++o)
        for (std::int64_t t = 0; t < taps; ++t)
            packed[(o / kDepthwisePanel * taps + t) * kDepthwisePanel + o % kDepthwisePanel] = plain[o * taps + t];
}

void depthwise_forward(const Conv2dGeometry& g, ConstMap src, const float* packed, const DepthwiseFusion& fusion,
                       Map dst) {
    const profile::Span span("depthwise_forward", conv2d_cost(g));
    DepthwiseCall call{.ih = g.ih,
                       .iw = g.iw,
                       .oh = g.oh(),
                       .ow = g.ow(),
                       .kh = g.kh,
                       .kw = g.kw,
                       .stride_h = g.stride_h,
                       .stride_w = g.stride_w,
                       .pad_h = g.pad_h,
                       .pad_w = g.pad_w,
                       .dilation_h = g.dilation_h,
                       .dilation_w = g.dilation_w,
                       .src = src.floats(),
                       .src_ld = src.ld,
                       .weights = packed,
                       .panel = static_cast<std::uint64_t>(taps_of(g) * kDepthwisePanel),
                       .bias = fusion.bias,
                       .residual = fusion.residual.floats(),
                       .residual_ld = fusion.residual.ld,
                       .dst = dst.floats(),
                       .dst_ld = dst.ld,
                       .relu = fusion.relu,
                       .activation = fusion.activation,
                       .activate = nullptr,
                       .ahead = g.n * (g.ih * g.iw * src.ld + g.oh() * g.ow() * dst.ld) > kCachedFloats,
                       .zeros = kZeros};
    if (fusion.activation.kind != ActivationKind::none) call.activate = select(activation_variants).forward;
    const std::size_t table = section(static_cast<std::size_t>(thread_count() * pointers_of(g)) * sizeof(float*));
    const std::size_t image = g.oc == g.ic ? 0 : static_cast<std::size_t>(g.ih * g.iw * g.oc) * sizeof(float);
    std::byte* memory = scratch(table + image);
    auto** pointers = reinterpret_cast<const float**>(memory);
    if (g.oc == g.ic) return run(call, g, pointers);
    auto* repeated = reinterpret_cast<float*>(memory + table);
    Conv2dGeometry one = g;
    one.n = 1;
    call.src = repeated;
    call.src_ld = g.oc;
    for (std::int64_t n = 0; n < g.n; ++n) {
        repeat_channels(g, src.floats() + n * g.ih * g.iw * src.ld, src.ld, repeated);
        run(call, one, pointers);
        call.dst += g.oh() * g.ow() * dst.ld;
        if (call.residual != nullptr) call.residual += g.oh() * g.ow() * call.residual_ld;
    }
}

}  // namespace keel::kernels
