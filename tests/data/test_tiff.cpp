// TIFF of every kind that is read, against what was written byte by byte.
#include <limits>

#include "data/formats/decode.h"
#include "data/formats/image_format.h"
#include "kernels/error.h"
#include "tests/data/deep_files.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

ImageReading page_of(int page) {
    ImageReading reading;
    reading.page = page;
    return reading;
}

ImageReading rescaled(float low, float high) {
    ImageReading reading;
    reading.rescale = {low, high};
    return reading;
}

std::vector<float> floats_in(const Image& image) {
    REQUIRE(image.bits == 32);
    return {image.row_f(0), image.row_f(0) + image.samples()};
}

}  // namespace

TEST_CASE("TIFF of 8 and 16 bits, in strips and tiles, planar and not, in both orders of bytes", "[tiff]") {
    for (const int channels : {1, 2, 3, 5, 32})
        for (const bool planar : {false, true})
            for (const int tile : {0, 16})
                for (const bool big_endian : {false, true}) {
                    INFO(channels << " channels, planar " << planar << ", tiles " << tile << ", big " << big_endian);
                    const int photometric = channels == 3 ? 2 : 1;
                    const Image shallow = noise_image(21, 18, channels, 1), deep = deep_noise(21, 18, channels, 2);
                    const TiffKind kind{.bits = 8,
                                        .photometric = photometric,
                                        .planar = planar,
                                        .big_endian = big_endian,
                                        .tile = tile,
                                        .extra = 0};
                    const Image read = decode_deep(encode_tiff(kind, tiff_image(shallow)));
                    CHECK((read.bits == 8 && read.channels == channels && read.width == 21 && read.height == 18));
                    CHECK(read.pixels == shallow.pixels);
                    TiffKind wide = kind;
                    wide.bits = 16;
                    const FileBytes file = encode_tiff(wide, tiff_image(deep));
                    const ImageHeader header = probe_image(file, "x");
                    CHECK((header.bits == 16 && header.decoded == channels && header.width == 21));
                    const Image read16 = decode_deep(file);
                    CHECK((read16.bits == 16 && read16.pixels == deep.pixels));
                }
}

TEST_CASE("TIFF samples of odd numbers of bits are scaled by what they can hold", "[tiff]") {
    for (const int bits : {1, 2, 4, 6, 10, 12, 15}) {
        INFO(bits << " bits");
        const Image noise = deep_noise(13, 7, 1, static_cast<std::uint64_t>(bits), (1U << bits) - 1);
        const Image read = decode_deep(encode_tiff({.bits = bits}, tiff_image(noise)));
        REQUIRE(read.bits == (bits < 8 ? 8 : 32));
        for (std::size_t i = 0; i < noise.samples(); ++i) {
            const double want = noise.row16(0)[i] / static_cast<double>((1 << bits) - 1);
            if (bits < 8)
                CHECK(read.pixels[i] == static_cast<int>(want * 255 + 0.5));
            else
                CHECK(read.row_f(0)[i] == static_cast<float>(want));
        }
    }
}

TEST_CASE("Floats are brightness from 0 to 1, or from what rescale says", "[tiff]") {
    const std::vector<float> values{0, 0.25F, 1, 0.1F, 0.999F, 1e-6F};
    const TiffKind kind{.bits = 32, .format = 3};
    CHECK(floats_in(decode_deep(encode_tiff(kind, tiff_image(3, 2, 1, values)))) == values);
    const std::vector<float> hounsfield{-1024, 0, 1000, 3000, -500, 200};
    const FileBytes file = encode_tiff(kind, tiff_image(3, 2, 1, hounsfield));
    CHECK_THROWS_WITH(decode_image(file, 0, "x.tif"), contains("x.tif: samples from -1024 to 3000, 0 to 1 are wanted"));
    CHECK(floats_in(decode_deep(file, rescaled(-1000, 1000))) == std::vector<float>{0, 0.5F, 1, 1, 0.25F, 0.6F});
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        const FileBytes odd = encode_tiff(kind, tiff_image(2, 1, 1, {0.5F, bad}));
        CHECK_THROWS_WITH(decode_deep(odd), contains("a sample is not a finite number"));
        CHECK_THROWS_AS(decode_deep(odd, rescaled(0, 1)), InputError);
    }
}

TEST_CASE("Signed and wide integers of a TIFF want a range", "[tiff]") {
    const auto signed16 = [](std::vector<int> values) {
        TiffImage image{static_cast<int>(values.size()), 1, 1, {}};
        for (const int v : values) image.samples.push_back(static_cast<std::uint16_t>(v));
        return encode_tiff({.bits = 16, .format = 2}, image);
    };
    const FileBytes file = signed16({-1000, 0, 1000, 500});
    CHECK_THROWS_AS(decode_deep(file), InputError);
    CHECK(floats_in(decode_deep(file, rescaled(-1000, 1000))) == std::vector<float>{0, 0.5F, 1, 0.75F});
    const FileBytes wide = encode_tiff({.bits = 32, .format = 1}, {2, 1, 1, {1'000'000, 4'000'000'000U}});
    CHECK(floats_in(decode_deep(wide, rescaled(0, 4e9F))) == std::vector<float>{0.00025F, 1});
    CHECK_THROWS_WITH(decode_deep(encode_tiff({.bits = 64, .format = 1}, {1, 1, 1, {5}})),
                      contains("samples of 64 bits"));
}

TEST_CASE("White may be 0 in a TIFF", "[tiff]") {
    const Image shallow = noise_image(9, 4, 1, 3), deep = deep_noise(9, 4, 1, 4, 4095);
    const Image read = decode_deep(encode_tiff({.photometric = 0}, tiff_image(shallow)));
    for (std::size_t i = 0; i < 36; ++i) CHECK(read.pixels[i] == 255 - shallow.pixels[i]);
    const FileBytes file = encode_tiff({.bits = 16, .photometric = 0}, tiff_image(deep));
    const Image wide = decode_deep(file);
    ImageReading twelve;
    twelve.bit_depth = 12;
    const Image scaled = decode_deep(file, twelve);
    for (std::size_t i = 0; i < 36; ++i) {
        CHECK(wide.row16(0)[i] == 65535 - deep.row16(0)[i]);
        CHECK(scaled.row_f(0)[i] == Approx(1 - deep.row16(0)[i] / 4095.0).margin(1e-7));
    }
}

TEST_CASE("Alpha of a TIFF is dropped, other extra samples are channels", "[tiff]") {
    const Image rgba = noise_image(7, 5, 4, 5);
    for (const int kind : {1, 2}) {
        const FileBytes file = encode_tiff({.photometric = 2, .extra = kind}, tiff_image(rgba));
        CHECK((probe_image(file, "x").channels == 4 && probe_image(file, "x").decoded == 3));
        const Image read = decode_deep(file);
        REQUIRE(read.channels == 3);
        for (std::size_t p = 0; p < 35; ++p)
            for (std::size_t c = 0; c < 3; ++c) CHECK(read.pixels[3 * p + c] == rgba.pixels[4 * p + c]);
    }
    for (const int kind : {-1, 0}) {
        const Image read = decode_deep(encode_tiff({.photometric = 2, .extra = kind}, tiff_image(rgba)));
        CHECK((read.channels == 4 && read.pixels == rgba.pixels));
    }
    CHECK_THROWS_WITH(decode_image(encode_tiff({.photometric = 2, .extra = 0}, tiff_image(rgba)), 3, "x"),
                      contains("4 channels, 3 are wanted"));
    CHECK_THROWS_WITH(decode_image(encode_tiff({.extra = 0}, tiff_image(noise_image(2, 2, 33, 1))), 0, "x"),
                      contains("33 channels, 1 to 32 are read"));
}

TEST_CASE("Of several pages one is chosen, or the file refused", "[tiff]") {
    TiffWriter writer;
    std::vector<Image> pages;
    for (int i = 0; i < 3; ++i) {
        pages.push_back(noise_image(6 + i, 5, 1, static_cast<std::uint64_t>(i)));
        writer.add({}, tiff_image(pages.back()));
        writer.add({.subfile = 1}, tiff_image(noise_image(2, 2, 1, 9)));  // a thumbnail: no page
    }
    CHECK_THROWS_WITH(decode_deep(writer.bytes()), contains("a TIFF of several pages"));
    for (int i = 0; i < 3; ++i)
        CHECK(decode_deep(writer.bytes(), page_of(i + 1)).pixels == pages[static_cast<std::size_t>(i)].pixels);
    CHECK_THROWS_WITH(decode_deep(writer.bytes(), page_of(4)), contains("a TIFF of 3 pages, page 4 is wanted"));
    TiffWriter one;
    one.add({.subfile = 1}, tiff_image(noise_image(2, 2, 1, 9)));
    one.add({}, tiff_image(pages[0]));
    CHECK(decode_deep(one.bytes()).pixels == pages[0].pixels);
}

TEST_CASE("Every truncation of a TIFF and every changed byte is an error or an image", "[tiff]") {
    for (const TiffKind& kind : {TiffKind{}, TiffKind{.bits = 16, .planar = true, .tile = 16}}) {
        const FileBytes whole = encode_tiff(kind, tiff_image(noise_image(20, 17, 2, 6)));
        // The last four bytes only say that no other page follows.
        for (std::size_t keep = 0; keep < whole.size() - 4; ++keep)
            CHECK_THROWS_AS(decode_deep(std::span(whole).first(keep)), InputError);
        Random random(7, Draw::bench);
        int ended = 0;
        for (int i = 0; i < 2000; ++i) {
            FileBytes damaged = whole;
            damaged[random.below(static_cast<std::uint32_t>(whole.size()))] =
                static_cast<std::uint8_t>(random.below(256));
            try {
                const Image read = decode_deep(damaged);
                ended += read.pixels.size() == read.row_bytes() * static_cast<std::size_t>(read.height);
            } catch (const InputError&) {
                ++ended;
            }
        }
        CHECK(ended == 2000);
    }
}
