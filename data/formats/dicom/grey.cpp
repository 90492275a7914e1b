#include "data/formats/dicom/grey.h"

#include <algorithm>
#include <cmath>

namespace keel::dicom {
namespace {

double look_up(const Lut& lut, double value) {
    const double index = std::clamp(std::round(value) - lut.first, 0.0, static_cast<double>(lut.entries.size() - 1));
    return lut.entries[static_cast<std::size_t>(index)];
}

/// `first` is a number with a sign where values may be negative; the file has 16 bits for it either way.
Lut with_sign(Lut lut, bool negative) {
    if (negative) lut.first = static_cast<std::int16_t>(lut.first);
    return lut;
}

double modality(const Attributes& a, const std::optional<Lut>& lut, double value) {
    if (lut) return look_up(*lut, value);
    return a.slope.value_or(1) * value + a.intercept.value_or(0);
}

/// PS3.3, C.11.2.1.2.1 and C.11.2.1.3: the share of the range, 0 to 1, that `x` is shown with.
double apply(const Window& w, double x) {
    if (w.shape == WindowShape::sigmoid) return 1 / (1 + std::exp(-4 * (x - w.center) / w.width));
    if (w.shape == WindowShape::linear_exact) return std::clamp((x - w.center) / w.width + 0.5, 0.0, 1.0);
    const double from_center = x - (w.center - 0.5), half = (w.width - 1) / 2;
    if (from_center <= -half) return 0;
    if (from_center > half) return 1;
    return from_center / (w.width - 1) + 0.5;
}

std::optional<Window> window_of(const Attributes& a, const std::optional<Window>& asked, const std::string& name) {
    std::optional<Window> window = asked;
    if (!asked && !a.voi_lut && a.window_center && a.window_width)
        window = Window{*a.window_center, *a.window_width, a.window_shape};
    if (window && !(window->width > 0 && (window->width >= 1 || window->shape != WindowShape::linear)))
        refuse(name, "a window wants a width of at least 1 (above 0, if it is LINEAR_EXACT or SIGMOID)");
    return window;
}

/// Marks as black what is padding: the values from one end to the other, in whatever order they stand.
void blacken_padding(const Attributes& a, int bits, std::vector<std::uint16_t>& levels) {
    if (!a.padding) return;
    const auto value = [&](int u16) { return a.is_signed ? int{static_cast<std::int16_t>(u16)} : u16; };
    const auto [least, most] = std::minmax({value(*a.padding), value(a.padding_limit.value_or(*a.padding))});
    const int lowest = a.is_signed ? -(1 << (bits - 1)) : 0, highest = lowest + (1 << bits) - 1;
    const int mask = (1 << bits) - 1;
    for (int v = std::max(least, lowest); v <= std::min(most, highest); ++v)
        levels[static_cast<std::size_t>(v & mask)] = 0;
}

}  // namespace

std::vector<std::uint16_t> grey_levels(const Attributes& a, int bits, const std::optional<Window>& asked,
                                       const std::string& name) {
    const int count = 1 << bits, lowest = a.is_signed ? -(count / 2) : 0;
    const auto modality_lut = a.modality_lut ? std::optional(with_sign(*a.modality_lut, a.is_signed)) : std::nullopt;
    double low = modality(a, modality_lut, lowest), high = modality(a, modality_lut, lowest + count - 1);
    if (modality_lut) low = 0, high = modality_lut->largest;
    if (low > high) std::swap(low, high);
    const auto window = window_of(a, asked, name);
    const auto voi_lut = !asked && a.voi_lut ? std::optional(with_sign(*a.voi_lut, low < 0)) : std::nullopt;
    const bool inverted = a.inverse || a.photometric == "MONOCHROME1";
    std::vector<std::uint16_t> levels(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        const int stored = lowest + i;
        const double x = modality(a, modality_lut, stored);
        double share = high > low ? (x - low) / (high - low) : 0;
        if (window)
            share = apply(*window, x);
        else if (voi_lut)
            share = look_up(*voi_lut, x) / voi_lut->largest;
        share = std::clamp(share, 0.0, 1.0);
        levels[static_cast<std::size_t>(stored & (count - 1))] =
            static_cast<std::uint16_t>(std::lround(65535 * (inverted ? 1 - share : share)));
    }
    blacken_padding(a, bits, levels);
    return levels;
}

bool is_linear(const Attributes& a, const std::optional<Window>& window) {
    const bool curve =
        !window && (a.voi_lut || (a.window_center && a.window_width && a.window_shape == WindowShape::sigmoid));
    return !a.modality_lut && !curve && !a.padding;
}

bool fit_8_bits(const std::vector<std::uint16_t>& levels) {
    return std::ranges::all_of(levels, [](std::uint16_t level) { return level % 257 == 0; });
}

}  // namespace keel::dicom
