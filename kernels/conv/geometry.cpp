#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>

#include "kernels/conv/conv.h"
#include "kernels/error.h"

namespace keel::kernels {
namespace {

/// oneDNN's kernels keep single dims and paddings in 32 bits.
constexpr std::int64_t kLargestDim = std::numeric_limits<std::int32_t>::max();

std::string pair(std::int64_t h, std::int64_t w) { return std::to_string(h) + "x" + std::to_string(w); }

std::string far_sides(const Conv2dGeometry& g) {
    if (g.far_h == 0 && g.far_w == 0) return "";
    const auto far = [](int pad, int more) { return std::int64_t{pad} + more; };
    return " (" + pair(far(g.pad_h, g.far_h), far(g.pad_w, g.far_w)) + " at the far sides)";
}

std::string describe(const Conv2dGeometry& g) {
    return "src " + std::to_string(g.n) + "x" + pair(g.ih, g.iw) + "x" + std::to_string(g.ic) + ", oc " +
           std::to_string(g.oc) + ", kernel " + pair(g.kh, g.kw) + ", stride " + pair(g.stride_h, g.stride_w) +
           ", pad " + pair(g.pad_h, g.pad_w) + far_sides(g) + ", dilation " + pair(g.dilation_h, g.dilation_w) +
           ", groups " + std::to_string(g.groups);
}

void check(bool condition, const char* wanted, const Conv2dGeometry& g) {
    if (!condition) throw UsageError(std::string("[conv2d] wanted ") + wanted + ", got " + describe(g));
}

/// Whether an axis has dims in range and at least one output.
bool fits(std::int64_t in, std::int64_t kernel, std::int64_t pad, std::int64_t far, std::int64_t dilation) {
    const std::int64_t pads = 2 * pad + far, padded = in + pads, span = dilation * (kernel - 1) + 1;
    return padded <= kLargestDim && pads <= kLargestDim && span <= padded;
}

bool countable(std::initializer_list<std::int64_t> factors) {
    std::int64_t product = sizeof(double);
    for (const std::int64_t factor : factors)
        if (__builtin_mul_overflow(product, factor, &product)) return false;
    return true;
}

}  // namespace

void check_geometry(const Conv2dGeometry& g) {
    for (const std::int64_t dim : {g.n, g.ic, g.ih, g.iw, g.oc, std::int64_t{g.kh}, std::int64_t{g.kw}})
        check(dim > 0 && dim <= kLargestDim, "dims from 1 to 2147483647", g);
    check(g.stride_h > 0 && g.stride_w > 0, "positive strides", g);
    check(g.dilation_h > 0 && g.dilation_w > 0, "positive dilations", g);
    const auto padded = [](int pad, int far) { return pad >= 0 && std::int64_t{pad} + far >= 0; };
    check(padded(g.pad_h, g.far_h) && padded(g.pad_w, g.far_w), "paddings of 0 or more", g);
    check(g.groups > 0 && g.ic % g.groups == 0 && g.oc % g.groups == 0, "channels divisible by the groups", g);
    check(fits(g.ih, g.kh, g.pad_h, g.far_h, g.dilation_h) && fits(g.iw, g.kw, g.pad_w, g.far_w, g.dilation_w),
          "a dilated kernel that fits into the padded map", g);
    const std::int64_t icg = g.ic / g.groups, oh = g.oh(), ow = g.ow();
    check(countable({g.n, g.ih, g.iw, g.ic}) && countable({g.n, oh, ow, g.oc, icg, g.kh, g.kw}),
          "sizes that 64 bits can count", g);
}

profile::Cost conv2d_cost(const Conv2dGeometry& g, DType type, const RowEpilogue* epilogue, bool backward_data) {
    const std::int64_t src = g.n * g.ih * g.iw * g.ic, dst = g.n * g.oh() * g.ow() * g.oc;
    std::int64_t elements = src + dst;
    if (epilogue != nullptr)
        for (const RowMap& map : epilogue->reads()) elements += map.data == nullptr ? 0 : backward_data ? src : dst;
    return {2 * static_cast<double>(g.macs()),
            static_cast<double>(elements) * static_cast<double>(size_of(type)) +
                static_cast<double>(g.weights_elements()) * double{sizeof(float)},
            profile::ConvWork{g, epilogue != nullptr}};
}

}  // namespace keel::kernels
