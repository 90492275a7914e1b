// Images are seen as EXIF's Orientation says, in every format that has it; WebP's is in test_webp.cpp.
#include "data/formats/exif.h"

#include <functional>
#include <map>

#include "data/formats/decode.h"
#include "tests/data/deep_files.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

/// Which stored pixel is seen at (x, y): the definition, "row 0 is seen at the ..., column 0 at the ...".
std::pair<int, int> stored_at(int orientation, int x, int y, int width, int height) {
    switch (orientation) {
        case 2:
            return {width - 1 - x, y};  // top, right
        case 3:
            return {width - 1 - x, height - 1 - y};  // bottom, right
        case 4:
            return {x, height - 1 - y};  // bottom, left
        case 5:
            return {y, x};  // left, top
        case 6:
            return {y, height - 1 - x};  // right, top
        case 7:
            return {width - 1 - y, height - 1 - x};  // right, bottom
        case 8:
            return {width - 1 - y, x};  // left, bottom
        default:
            return {x, y};
    }
}

Image seen(const Image& image, int orientation) {
    const bool swapped = orientation >= 5;
    Image result(swapped ? image.height : image.width, swapped ? image.width : image.height, image.channels,
                 image.bits);
    const auto bytes = static_cast<std::size_t>(image.channels * image.bits / 8);
    for (int y = 0; y < result.height; ++y)
        for (int x = 0; x < result.width; ++x) {
            const auto [i, j] = stored_at(orientation, x, y, image.width, image.height);
            std::copy_n(image.row(j) + static_cast<std::size_t>(i) * bytes, bytes,
                        result.row(y) + static_cast<std::size_t>(x) * bytes);
        }
    return result;
}

bool equal(const Image& a, const Image& b) {
    return a.width == b.width && a.height == b.height && a.channels == b.channels && a.pixels == b.pixels;
}

/// A JPEG with EXIF behind its first marker, other segments before it.
Bytes with_exif(Bytes jpeg, const FileBytes& block, bool late) {
    FileBytes segment{0xFF, 0xE1};
    put_number(segment, block.size() + 8, 2, true);
    put_text(segment, std::string("Exif\0\0", 6));
    segment.insert(segment.end(), block.begin(), block.end());
    if (late) segment.insert(segment.begin(), {0xFF, 0xE1, 0, 5, 'x', 'm', 'p', 0xFF, 0xFE, 0, 3, '!'});
    jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
    return jpeg;
}

ImageReading as_stored() {
    ImageReading reading;
    reading.exif_rotation = false;
    return reading;
}

}  // namespace

TEST_CASE("All eight orientations, in PNG, JPEG and TIFF, of any depth", "[exif]") {
    const Image grey = noise_image(7, 4, 1, 1), rgb = noise_image(7, 4, 3, 2), deep = deep_noise(7, 4, 3, 3);
    for (int orientation = 1; orientation <= 8; ++orientation) {
        INFO("orientation " << orientation);
        CHECK(equal(turned(rgb, orientation), seen(rgb, orientation)));
        for (const Image& image : {grey, rgb, deep}) {
            const FileBytes png = encode_deep_png(image, orientation);
            CHECK(probe_orientation(png, "x") == orientation);
            CHECK(equal(decode_deep(png), seen(image, orientation)));
            CHECK(equal(decode_deep(png, as_stored()), image));
        }
        for (const bool big_endian : {false, true}) {
            const FileBytes tiff = encode_tiff(
                {.bits = 16, .photometric = 2, .big_endian = big_endian, .orientation = orientation}, tiff_image(deep));
            if (reads_tiff()) {
                CHECK(equal(decode_deep(tiff), seen(deep, orientation)));
                CHECK(equal(decode_deep(tiff, as_stored()), deep));
            }
            const Bytes plain = encode_jpeg(rgb),
                        jpeg = with_exif(plain, exif_block(orientation, big_endian), big_endian);
            CHECK(probe_orientation(jpeg, "x") == orientation);
            CHECK(equal(decode_deep(jpeg), seen(decode_deep(plain), orientation)));
            CHECK(equal(decode_deep(jpeg, as_stored()), decode_deep(plain)));
        }
    }
}

TEST_CASE("A turned JPEG comes reduced as far as its turned sides allow", "[exif]") {
    const Bytes jpeg = with_exif(encode_jpeg(noise_image(64, 32, 1, 4)), exif_block(6, false), false);
    const Image read = decode_image(jpeg, 1, "x", {.least = {8, 16}});
    CHECK((read.width == 8 && read.height == 16));
    const Image other = decode_image(jpeg, 1, "x", {.least = {16, 8}});
    CHECK((other.width == 16 && other.height == 32));
}

TEST_CASE("EXIF that is damaged or says nothing leaves an image as it is stored", "[exif]") {
    for (const bool big_endian : {false, true}) {
        const FileBytes good = exif_block(3, big_endian);
        CHECK(exif_orientation(good) == 3);
        for (std::size_t keep = 0; keep < good.size(); ++keep) {
            const int found = exif_orientation(std::span(good).first(keep));
            CHECK((found == 1 || (found == 3 && keep >= 22)));
        }
        Random random(6, Draw::bench);
        for (int i = 0; i < 2000; ++i) {
            FileBytes damaged = good;
            damaged[random.below(static_cast<std::uint32_t>(good.size()))] =
                static_cast<std::uint8_t>(random.below(256));
            const int found = exif_orientation(damaged);
            CHECK((found >= 1 && found <= 8));
        }
        for (const int odd : {0, 9, 255}) CHECK(exif_orientation(exif_block(odd, big_endian)) == 1);
    }
    CHECK(exif_orientation({}) == 1);
}
