#include "embed/heatmap.h"

#include <fmt/core.h>
#include <algorithm>
#include <cmath>

#include "kernels/error.h"

namespace keel {
namespace {

/// Where a pixel's centre falls between the centres of two cells: v = (1 - t) * cells[first] + t * cells[second].
struct Between {
    int first, second;
    float t;
};

std::vector<Between> places(int cells, int pixels) {
    std::vector<Between> all;
    all.reserve(static_cast<std::size_t>(pixels));
    for (int p = 0; p < pixels; ++p) {
        const float at =
            std::clamp((static_cast<float>(p) + 0.5F) * static_cast<float>(cells) / static_cast<float>(pixels) - 0.5F,
                       0.0F, static_cast<float>(cells - 1));
        const int first = static_cast<int>(at);
        all.push_back({first, std::min(first + 1, cells - 1), at - static_cast<float>(first)});
    }
    return all;
}

void require_grid(const HeatGrid& grid) {
    if (grid.width < 1 || grid.height < 1 ||
        grid.values.size() != static_cast<std::size_t>(grid.width) * static_cast<std::size_t>(grid.height))
        throw UsageError(
            fmt::format("[heatmap] {} values are no map of {}x{}", grid.values.size(), grid.width, grid.height));
}

}  // namespace

void normalize(HeatGrid& grid, float low) {
    require_grid(grid);
    const float range = *std::ranges::max_element(grid.values) - low;
    for (float& value : grid.values) value = range > 0 ? std::max(0.0F, (value - low) / range) : 0.0F;
}

HeatGrid heat_of(const ClassActivation& activation, const Tensor& maps, std::int64_t image, std::int64_t place) {
    HeatGrid grid{static_cast<int>(maps.dim(2)), static_cast<int>(maps.dim(1)), {}};
    const std::int64_t pixels = maps.dim(1) * maps.dim(2), labels = maps.dim(3);
    for (std::int64_t p = 0; p < pixels; ++p)
        grid.values.push_back(maps.data<float>()[(image * pixels + p) * labels + place]);
    normalize(grid, activation.uses_gradients() ? 0.0F : *std::ranges::min_element(grid.values));
    return grid;
}

HeatGrid enlarge(const HeatGrid& grid, int width, int height) {
    require_grid(grid);
    const auto columns = places(grid.width, width), rows = places(grid.height, height);
    HeatGrid large{width, height, {}};
    large.values.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
    for (const Between& y : rows) {
        const float* above = grid.values.data() + static_cast<std::ptrdiff_t>(y.first) * grid.width;
        const float* below = grid.values.data() + static_cast<std::ptrdiff_t>(y.second) * grid.width;
        for (const Between& x : columns) {
            const float top = std::lerp(above[x.first], above[x.second], x.t);
            large.values.push_back(std::lerp(top, std::lerp(below[x.first], below[x.second], x.t), y.t));
        }
    }
    return large;
}

ImagePoint peak_of(const HeatGrid& grid, int width, int height) {
    require_grid(grid);
    const auto at = std::ranges::max_element(grid.values) - grid.values.begin();
    return {(static_cast<double>(at % grid.width) + 0.5) * width / grid.width,
            (static_cast<double>(at / grid.width) + 0.5) * height / grid.height};
}

bool holds(const Box& box, const ImagePoint& point) {
    return point.x >= box.x && point.x < box.x + box.width && point.y >= box.y && point.y < box.y + box.height;
}

Image overlay(const Image& image, const HeatGrid& grid, ColorMap map, float opacity) {
    Image dst = convert_channels(to_8_bits(image), 3, "heatmap");
    const HeatGrid heat = enlarge(grid, dst.width, dst.height);
    for (std::size_t i = 0; i < heat.values.size(); ++i) {
        const float value = heat.values[i], weight = opacity * std::clamp(value, 0.0F, 1.0F);
        const Color color = color_of(map, value);
        for (std::size_t k = 0; k < 3; ++k) {
            std::uint8_t& pixel = dst.pixels[3 * i + k];
            pixel = static_cast<std::uint8_t>(
                std::lround(std::lerp(static_cast<float>(pixel), static_cast<float>(color[k]), weight)));
        }
    }
    return dst;
}

void draw_outline(Image& image, const Box& box, Color color, int thickness) {
    if (image.channels != 3 || image.bits != 8) throw UsageError("[heatmap] an outline wants an 8-bit RGB image");
    const auto edge = [](double v, int side) {
        return static_cast<int>(std::lround(std::clamp(v, -1e6, double(side) + 1e6)));
    };
    const int x0 = edge(box.x, image.width), x1 = edge(box.x + box.width, image.width), y0 = edge(box.y, image.height),
              y1 = edge(box.y + box.height, image.height);
    for (int y = std::max(0, y0 - thickness); y < std::min(image.height, y1 + thickness); ++y)
        for (int x = std::max(0, x0 - thickness); x < std::min(image.width, x1 + thickness); ++x) {
            const bool inside = x >= x0 + thickness && x < x1 - thickness && y >= y0 + thickness && y < y1 - thickness;
            if (!inside) std::ranges::copy(color, image.row(y) + std::ptrdiff_t{3} * x);
        }
}

}  // namespace keel
