// Maps over images: colors, enlargement, peaks, overlays.
#include "embed/heatmap.h"

#include <cmath>

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

namespace {

/// CIE lightness L* of an sRGB color (IEC 61966-2-1, D65).
double lightness(const Color& color) {
    const auto linear = [](std::uint8_t v) {
        const double c = v / 255.0;
        return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    const double y = 0.2126 * linear(color[0]) + 0.7152 * linear(color[1]) + 0.0722 * linear(color[2]);
    return y > 216.0 / 24389 ? 116 * std::cbrt(y) - 16 : y * 24389 / 27;
}

}  // namespace

TEST_CASE("The color maps grow lighter evenly from end to end", "[heatmap]") {
    for (const ColorMap map : {ColorMap::viridis, ColorMap::inferno}) {
        const auto& table = color_table(map);
        const double mean = (lightness(table.back()) - lightness(table.front())) / 255;
        CHECK(mean > 70.0 / 255);
        // The maps are even in CAM02-UCS, whose lightness bends a little against L*; over 16 steps the rounding to 8
        // bits is gone.
        for (std::size_t i = 16; i < table.size(); ++i) {
            const double rise = (lightness(table[i]) - lightness(table[i - 16])) / 16;
            CHECK(rise > 0.45 * mean);
            CHECK(rise < 1.55 * mean);
        }
    }
    CHECK(color_of(ColorMap::viridis, 0) == Color{0x44, 0x01, 0x54});
    CHECK(color_of(ColorMap::viridis, 1) == Color{0xfd, 0xe7, 0x25});
    CHECK(color_of(ColorMap::inferno, -3) == Color{0, 0, 4});
    CHECK(color_of(ColorMap::inferno, 9) == Color{0xfc, 0xff, 0xa4});
    CHECK(color_of(ColorMap::inferno, NAN) == Color{0, 0, 4});
}

TEST_CASE("Enlarging is bilinear between the cells' centres", "[heatmap]") {
    const HeatGrid large = enlarge({2, 1, {0, 1}}, 8, 2);
    const std::vector<float> row{0, 0, 0.125F, 0.375F, 0.625F, 0.875F, 1, 1};  // centres at 2 and 6 of 8 pixels
    for (int y = 0; y < 2; ++y)
        for (int x = 0; x < 8; ++x)
            CHECK(large.values[static_cast<std::size_t>(8 * y + x)] == row[static_cast<std::size_t>(x)]);
    const HeatGrid same = enlarge({2, 2, {1, 2, 3, 4}}, 2, 2);
    CHECK(same.values == std::vector<float>{1, 2, 3, 4});
    CHECK(enlarge({1, 1, {0.5F}}, 3, 2).values == std::vector<float>(6, 0.5F));
    CHECK_THROWS_AS(enlarge({2, 2, {1}}, 4, 4), UsageError);
}

TEST_CASE("Normalized maps reach from 0 to 1", "[heatmap]") {
    HeatGrid grid{2, 2, {-2, 0, 1, 2}};
    normalize(grid, -2);
    CHECK(grid.values == std::vector<float>{0, 0.5F, 0.75F, 1});
    grid.values = {-2, 0, 1, 2};
    normalize(grid, 0);
    CHECK(grid.values == std::vector<float>{0, 0, 0.5F, 1});
    grid.values = {-2, -1, -1, -3};
    normalize(grid, 0);
    CHECK(grid.values == std::vector<float>(4, 0.0F));
}

TEST_CASE("A peak lies in the middle of its cell", "[heatmap]") {
    const ImagePoint peak = peak_of({4, 2, {0, 0, 0, 0, 0, 0, 7, 0}}, 100, 60);
    CHECK(peak.x == 62.5);
    CHECK(peak.y == 45);
    CHECK(holds({62, 45, 1, 1}, peak));
    CHECK_FALSE(holds({62.6, 40, 10, 10}, peak));
    CHECK_FALSE(holds({50, 40, 12.5, 10}, peak));  // the right edge is outside
}

TEST_CASE("An overlay shows the image where it is cold and the color where it is hot", "[heatmap]") {
    Image grey(2, 1, 1);
    grey.pixels = {100, 100};
    const Image over = overlay(grey, {2, 1, {0, 1}}, ColorMap::viridis, 0.5F);
    REQUIRE(over.channels == 3);
    CHECK(over.pixels ==
          std::vector<std::uint8_t>{100, 100, 100, 177, 166, 69});  // (100 + 253) / 2 = 176.5, rounded away from 0
}

TEST_CASE("An outline stays in the image", "[heatmap]") {
    Image image(6, 5, 3);
    draw_outline(image, {1, 1, 1e300, 3}, {255, 0, 0}, 1);
    const auto red = [&](int x, int y) { return image.row(y)[3 * x] == 255; };
    CHECK(red(0, 0));
    CHECK(red(1, 2));
    CHECK(red(5, 4));
    CHECK_FALSE(red(3, 2));
    CHECK_FALSE(red(5, 2));
}
