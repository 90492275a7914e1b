#include "embed/color_map.h"

#include <cmath>

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("The maps' ends and middles are matplotlib's", "[color_map]") {
    CHECK(color_of(ColorMap::viridis, 0) == Color{0x44, 0x01, 0x54});
    CHECK(color_of(ColorMap::viridis, 128.0F / 255) == Color{0x21, 0x91, 0x8c});
    CHECK(color_of(ColorMap::viridis, 1) == Color{0xfd, 0xe7, 0x25});
    CHECK(color_of(ColorMap::inferno, 0) == Color{0, 0, 4});
    CHECK(color_of(ColorMap::inferno, 1) == Color{0xfc, 0xff, 0xa4});
}

TEST_CASE("A value takes the nearest color, outside of [0, 1] the end's", "[color_map]") {
    for (const ColorMap map : {ColorMap::viridis, ColorMap::inferno}) {
        const auto& table = color_table(map);
        CHECK(color_of(map, 0.49F / 255) == table[0]);
        CHECK(color_of(map, 0.51F / 255) == table[1]);
        CHECK(color_of(map, -1) == table[0]);
        CHECK(color_of(map, 7) == table[255]);
        CHECK(color_of(map, NAN) == table[0]);
        CHECK(color_of(map, INFINITY) == table[255]);
        double before = -1;
        for (const Color& color : table) {  // ever lighter, in grey as well; weights of Rec. 709
            const double light = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2];
            CHECK(light > before - 0.5);
            before = light;
        }
    }
}
