#include "data/glyphs.h"

#include <set>
#include <string>

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("letters that can be written differ from one another", "[data]") {
    const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:%-_()/+? ";
    std::set<GlyphRows> seen;
    for (const char letter : letters) seen.insert(glyph_rows(letter));
    CHECK(seen.size() == letters.size());
    CHECK(glyph_rows('a') == glyph_rows('A'));
    CHECK(glyph_rows('\x80') == glyph_rows('?'));
}

TEST_CASE("a text is written where it lies in the image", "[data]") {
    Image image(12, 8, 1);
    write_text(image, "IT", 0, 0, 1, 200);
    std::string rows;
    for (int y = 0; y < 8; ++y) {
        for (int x = 0; x < 12; ++x) rows += image.row(y)[x] == 200 ? '#' : '.';
        rows += '\n';
    }
    CHECK(rows ==
          ".###..#####.\n"
          "..#.....#...\n"
          "..#.....#...\n"
          "..#.....#...\n"
          "..#.....#...\n"
          "..#.....#...\n"
          ".###....#...\n"
          "............\n");
    CHECK(text_dots("IT") == 11);
    CHECK(text_dots("") == 0);
    // Beyond the edges nothing is written, on any side.
    Image small(3, 3, 3);
    write_text(small, "M", -4, -3, 2, 255);
    write_text(small, "M", 2, 2, 5, 255);
    write_text(small, "M", 50, -50, 1, 255);
    Image deep(3, 3, 1, 16);
    CHECK_THROWS_AS(write_text(deep, "M", 0, 0, 1, 255), UsageError);
}
