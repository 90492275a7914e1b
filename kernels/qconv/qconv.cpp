#include "kernels/qconv/qconv.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/dispatch.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/qconv/variants.h"
#include "kernels/qconv/winograd.h"

namespace keel::kernels {
namespace {

/// Products of 255 * -128 that 31 bits hold.
constexpr std::int64_t kMostProducts = 65793;
/// Narrower pixels are read a row of the kernel at a time: whole groups of quantized values are then lost once a row,
/// not once a pixel.
constexpr std::int64_t kNarrow = 16;

/// Pixels of stacked tiles stay in the first-level cache, beside the weights of a panel.
constexpr std::int64_t kStackBytes = 12 << 10;

constexpr std::int64_t rounded_up(std::int64_t count, std::int64_t unit) { return chunk_count(count, unit) * unit; }

/// Returns the edge of Winograd's tiles, or 0.
int winograd_edge(const Conv2dGeometry& g, const QconvVariant& variant, QconvMethod method) {
    if (method == QconvMethod::fastest) return qconv::fastest_winograd(g, variant);
    if (method == QconvMethod::direct) return 0;
    if (!qconv::winograd_serves(g, variant))
        throw UsageError(
            "[qconv] wanted a 3x3 convolution of stride 1 without groups, on vectors, for Winograd's algorithm");
    return method == QconvMethod::winograd2 ? 2 : 4;
}

QconvPlan plan_of(const Conv2dGeometry& g, const QconvVariant& variant, QconvMethod method) {
    check_geometry(g);
    const std::int64_t products = g.weights_elements() / g.oc;
    if (products > kMostProducts)
        throw UsageError("[qconv] wanted sums of at most " + std::to_string(kMostProducts) + " products, got " +
                         std::to_string(products));
    if (const int edge = winograd_edge(g, variant, method); edge != 0) {
        const std::int64_t pairs = rounded_up(g.ic, 2);
        return {g, &variant, false, 1, pairs, pairs, edge};
    }
    const bool merged = g.kw > 1 && g.dilation_w == 1 && g.ic / g.groups < kNarrow;
    const std::int64_t depth = rounded_up(g.ic / g.groups * (merged ? g.kw : 1), variant.group);
    const bool blocks = variant.block != 0 && depth > variant.block;
    return {g,      &variant,
            merged, merged ? g.kh : std::int64_t{g.kh} * g.kw,
            depth,  blocks ? rounded_up(depth, variant.block) : depth,
            0};
}

/// Weights of a column, `step` apart in `from`; they begin at product `first` of the panel.
void pack_column(const QconvVariant& v, const std::int8_t* from, std::int64_t step, std::int64_t count,
                 std::int64_t width, std::int64_t column, std::int64_t first, std::byte* panel) {
    std::int64_t lane = first % v.group, at = (first / v.group * width + column) * v.group + lane;
    for (std::int64_t k = 0; k < count; ++k, ++at) {
        if (v.bytes == 1)
            reinterpret_cast<std::int8_t*>(panel)[at] = from[k * step];
        else
            reinterpret_cast<std::int16_t*>(panel)[at] = from[k * step];
        if (++lane < v.group) continue;
        lane = 0;
        at += (width - 1) * v.group;
    }
}

/// The weights of a tap, from product `first` of its segment on: those of the last block go to its end.
void pack_tap(const QconvPlan& plan, const std::int8_t* from, std::int64_t step, std::int64_t width,
              std::int64_t column, std::int64_t segment, std::int64_t first, std::byte* panel) {
    const QconvVariant& v = *plan.variant;
    const std::int64_t whole = plan.stored == plan.depth ? plan.depth : plan.stored - v.block;
    const std::int64_t before = std::clamp<std::int64_t>(whole - first, 0, plan.ic()), begin = segment * plan.stored;
    pack_column(v, from, step, before, width, column, begin + first, panel);
    pack_column(v, from + before * step, step, plan.ic() - before, width, column,
                begin + first + before + plan.stored - plan.depth, panel);
}

}  // namespace

std::int64_t QconvPlan::columns() const { return rounded_up(oc(), variant->width); }
std::int64_t QconvPlan::panel() const {
    return std::int64_t{winograd == 0 ? variant->vectors : variant->winograd->vectors} * variant->width;
}
std::int64_t QconvPlan::panels() const { return chunk_count(columns(), panel()); }
std::int64_t QconvPlan::most_rows() const {
    const std::int64_t rows = variant->rows[std::min<std::int64_t>(variant->vectors, columns() / variant->width)];
    return rows * std::clamp<std::int64_t>(kStackBytes / (rows * products() * variant->bytes), 1, variant->stack);
}
std::int64_t QconvPlan::weight_bytes(std::int64_t count) const {
    return winograd == 0 ? count * segments * stored * variant->bytes : count * positions() * stored * 2;
}

Qconv::Qconv(const Conv2dGeometry& g) : Qconv(g, select(qconv_variants)) {}

Qconv::Qconv(const Conv2dGeometry& g, const QconvVariant& variant, QconvMethod method)
    : plan_(plan_of(g, variant, method)) {}

std::size_t Qconv::packed_bytes() const { return plan_.packed_bytes(); }

void Qconv::pack(const QconvWeights& plain, std::byte* packed) const {
    const Conv2dGeometry& g = plan_.g;
    const std::int64_t ic = plan_.ic(), oc = plan_.oc(), taps = std::int64_t{g.kh} * g.kw;
    const auto factors = plan_.factors(packed);
    std::memset(packed, 0, plan_.packed_bytes());
    if (plan_.winograd != 0) qconv::pack_winograd(plan_, plain.weights, packed);
    parallel_for(g.oc, chunk_count(16384, ic * taps), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t o = begin; o < end; ++o) {
            const std::int64_t group = o / oc, column = o % oc, first = column / plan_.panel() * plan_.panel();
            std::byte* panel = packed + plan_.weight_bytes(group * plan_.columns() + first);
            const std::int64_t width = std::min(plan_.panel(), plan_.columns() - first);
            const std::int8_t* weights = plain.weights + o * ic * taps;
            for (std::int64_t tap = 0; tap < taps && plan_.winograd == 0; ++tap) {
                const std::int64_t segment = plan_.merged ? tap / g.kw : tap, at = plan_.merged ? tap % g.kw * ic : 0;
                pack_tap(plan_, weights + tap, taps, width, column - first, segment, at, panel);
            }
            const std::int64_t padded = group * plan_.columns() + column;
            factors[0][padded] = plain.scale[o];
            factors[1][padded] = plain.shift[o];
            if (plain.residual_scale != nullptr) factors[2][padded] = plain.residual_scale[o];
        }
    });
}

void Qconv::set_shift(const float* shift, std::byte* packed) const {
    float* padded = plan_.factors(packed)[1];
    for (std::int64_t o = 0; o < plan_.g.oc; ++o) padded[o / plan_.oc() * plan_.columns() + o % plan_.oc()] = shift[o];
}

}  // namespace keel::kernels
