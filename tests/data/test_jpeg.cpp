#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include "data/formats/decode.h"
#include "data/pipeline/transform.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/data/stb_oracle.h"
#include "tests/support/catch.h"
#include "tests/support/dicom_writer.h"

using namespace keel;
using namespace keel::test;

namespace {

struct JpegKind {
    int quality = 90, horizontal = 1, vertical = 1;  ///< chroma subsampling
    bool progressive = false;
    unsigned restart = 0;  ///< blocks between restart markers
};

/// 1, 3 (RGB) or 4 (CMYK) channels.
Bytes encode(const Image& image, const JpegKind& kind) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* out = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &out, &size);
    info.image_width = static_cast<unsigned>(image.width);
    info.image_height = static_cast<unsigned>(image.height);
    info.input_components = image.channels;
    info.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : image.channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, kind.quality, TRUE);
    info.comp_info[0].h_samp_factor = kind.horizontal;
    info.comp_info[0].v_samp_factor = kind.vertical;
    info.restart_interval = kind.restart;
    if (kind.progressive) jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < image.height; ++y) {
        auto* row = const_cast<JSAMPROW>(image.row(y));
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    Bytes bytes(out, out + size);
    std::free(out);
    return bytes;
}

/// Waves of several lengths, well within 0 to 255: no decoder has to clip.
Image waves(int width, int height, int channels) {
    Image image(width, height, channels);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            for (int c = 0; c < channels; ++c)
                image.row(y)[x * channels + c] = static_cast<std::uint8_t>(
                    128 + 40 * std::sin(0.1 * x + c) + 30 * std::cos(0.37 * y - c) + 10 * std::sin(1.9 * (x + y)));
        }
    }
    return image;
}

int worst_difference(const Image& a, const Image& b) {
    REQUIRE(a.pixels.size() == b.pixels.size());
    int worst = 0;
    for (std::size_t i = 0; i < a.pixels.size(); ++i) worst = std::max(worst, std::abs(a.pixels[i] - b.pixels[i]));
    return worst;
}

/// The mean of each square of `reduce` x `reduce` pixels.
std::vector<double> block_means(const Image& image, int reduce) {
    std::vector<double> means;
    for (int y = 0; y < image.height; y += reduce) {
        for (int x = 0; x < image.width; x += reduce) {
            double sum = 0;
            for (int j = 0; j < reduce; ++j)
                for (int i = 0; i < reduce; ++i) sum += image.row(y + j)[x + i];
            means.push_back(sum / reduce / reduce);
        }
    }
    return means;
}

Bytes::iterator find_marker(Bytes& jpeg, std::uint8_t marker) {
    const std::uint8_t pattern[] = {0xFF, marker};
    const auto found = std::search(jpeg.begin(), jpeg.end(), pattern, pattern + 2);
    REQUIRE(found != jpeg.end());
    return found;
}

}  // namespace

TEST_CASE("JPEG is what stb_image makes of it, to the rounding of two decoders", "[jpeg]") {
    for (const int channels : {1, 3}) {
        const Image image = waves(77, 59, channels);
        for (const JpegKind& kind : {JpegKind{},
                                     {.horizontal = 2},
                                     {.horizontal = 2, .vertical = 2},
                                     {.progressive = true},
                                     {.horizontal = 2, .vertical = 2, .progressive = true, .restart = 3},
                                     {.quality = 30, .restart = 1}}) {
            const Bytes jpeg = encode(image, kind);
            const Image got = decode_image(jpeg, 0, "x"), want = stb_image(jpeg);
            CHECK(got.channels == channels);
            // Each inverse transform errs by at most 1. Chroma is interpolated with one more rounding and weighs up
            // to 1.772 in RGB, where everything is rounded once more.
            CHECK(worst_difference(got, want) <= (channels == 1 ? 2 : 8));
        }
    }
}

TEST_CASE("A JPEG is reduced exactly, and no further than what is wanted of it", "[jpeg]") {
    const auto size = [](const Bytes& jpeg, LeastSize least) {
        const Image image = decode_image(jpeg, 0, "x", {.least = least});
        return std::pair(image.width, image.height);
    };
    const Bytes jpeg = encode(waves(64, 48, 3), {}), uneven = encode(waves(60, 44, 1), {}),
                odd = encode(waves(61, 44, 1), {});
    CHECK(size(jpeg, {8, 6}) == std::pair(8, 6));
    CHECK(size(jpeg, {9, 6}) == std::pair(16, 12));
    CHECK(size(jpeg, {8, 7}) == std::pair(16, 12));
    CHECK(size(jpeg, {32, 24}) == std::pair(32, 24));
    CHECK(size(jpeg, {32, 25}) == std::pair(64, 48));
    CHECK(size(jpeg, {}) == std::pair(64, 48));
    CHECK(size(uneven, {1, 1}) == std::pair(15, 11));  // 44 / 8 is no whole number
    CHECK(size(odd, {1, 1}) == std::pair(61, 44));
}

TEST_CASE("A reduced JPEG holds the means of the pixels it stands for", "[jpeg]") {
    const Image noise = noise_image(64, 40, 1, 3);
    const auto compare = [](const Image& image, int reduce, double bound) {
        const Image small = decode_image(encode(image, {.quality = 100}), 0, "x",
                                         {.least = {image.width / reduce, image.height / reduce}});
        REQUIRE(small.width * reduce == image.width);
        const std::vector<double> means = block_means(image, reduce);
        double worst = 0;
        for (std::size_t i = 0; i < means.size(); ++i) worst = std::max(worst, std::abs(small.pixels[i] - means[i]));
        CHECK(worst <= bound);
    };
    // By 8 only the mean of a block is left, stored in steps of 1/8: half a step, and a half for rounding.
    compare(noise, 8, 0.5 + 0.07);
    // Of a ramp along both axes the transform's low frequencies hold all but a ripple: of a slope of 2 per pixel about
    // 0.4.
    Image ramp(64, 32, 1);
    for (int y = 0; y < 32; ++y)
        for (int x = 0; x < 64; ++x) ramp.row(y)[x] = static_cast<std::uint8_t>(20 + 2 * x + 2 * y);
    compare(ramp, 2, 2);
    compare(ramp, 4, 2);
}

TEST_CASE("A reduced JPEG becomes nearly the same input as a whole one", "[jpeg]") {
    const Bytes jpeg = encode(waves(512, 384, 1), {});
    const TransformOptions options{.image_size = 48, .mean = {0}, .std = {1}};
    std::vector<float> whole(48 * 48), reduced(whole.size());
    const Image small = decode_image(jpeg, 1, "x", {.least = least_size(options, {})});
    CHECK(small.width == 128);
    transform_image(decode_image(jpeg, 1, "x"), options, {}, whole.data());
    transform_image(small, options, {}, reduced.data());
    double sum = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) sum += std::pow(whole[i] - reduced[i], 2);
    // One step of 8 bits is 1/255: the roundings of three passes, and what the shorter filter lets through of the
    // waves.
    CHECK(std::sqrt(sum / static_cast<double>(whole.size())) <= 2.0 / 255);
}

TEST_CASE("CMYK becomes RGB", "[jpeg]") {
    Image inks(16, 16, 4);
    const std::uint8_t color[] = {200, 100, 50, 180};  // inverted, as libjpeg's Adobe marker says
    for (std::size_t i = 0; i < inks.pixels.size(); ++i) inks.pixels[i] = color[i % 4];
    const Bytes jpeg = encode(inks, {.quality = 100});
    CHECK(probe_image(jpeg, "x").channels == 4);
    const Image rgb = decode_image(jpeg, 0, "x");
    REQUIRE(rgb.channels == 3);
    for (std::size_t i = 0; i < rgb.pixels.size(); ++i)
        CHECK(std::abs(rgb.pixels[i] - color[i % 3] * 180.0 / 255.0) <= 2);  // each ink to 1, and their product rounded
}

TEST_CASE("JPEG data that end early are an error, stray bytes before a marker are not", "[jpeg]") {
    const Image image = waves(96, 96, 3);
    for (const bool progressive : {false, true}) {
        const Bytes whole = encode(image, {.progressive = progressive});
        Bytes closed(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * 2 / 3));
        closed.insert(closed.end(), {0xFF, 0xD9});
        CHECK_THROWS_AS(decode_image(closed, 0, "x"), InputError);
        Bytes stray = whole;
        stray.insert(stray.end() - 2, {0x00, 0x12, 0x34});
        CHECK(decode_image(stray, 0, "x").pixels == decode_image(whole, 0, "x").pixels);
    }
}

TEST_CASE("A JPEG header that claims too much, or scans without end, is refused", "[jpeg]") {
    Bytes huge = encode(waves(16, 16, 3), {});
    const auto frame = find_marker(huge, 0xC0);
    std::fill_n(frame + 5, 4, std::uint8_t{0xF0});
    try {
        decode_image(huge, 0, "huge.jpg");
        FAIL("the size was not noticed");
    } catch (const InputError& error) {
        CHECK(std::string(error.what()).find("huge.jpg: 61680 x 61680 pixels") != std::string::npos);
    }
    Bytes scans = encode(waves(16, 16, 1), {.progressive = true});
    const std::uint8_t start[] = {0xFF, 0xDA};
    const auto last = std::find_end(scans.begin(), scans.end(), start, start + 2);
    const Bytes scan(last, scans.end() - 2);
    for (int i = 0; i < 600; ++i) scans.insert(scans.end() - 2, scan.begin(), scan.end());
    CHECK_THROWS_AS(decode_image(scans, 0, "x"), InputError);
}

TEST_CASE("A DICOM file with JPEG data has the pixels of the JPEG file", "[dicom]") {
    const Bytes jpeg = encode(waves(45, 31, 1), {});
    const auto half = jpeg.begin() + static_cast<std::ptrdiff_t>(jpeg.size() / 4 * 2);
    for (const char* syntax : {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}) {
        DicomWriter writer;
        writer.syntax = syntax;
        writer.grey(45, 31, 8, false, 8);
        writer.encapsulate({Bytes(jpeg.begin(), half), Bytes(half, jpeg.end())});
        const Image got = decode_image(writer.file(), 0, "x", {.keep_16_bits = true});
        CHECK(got.bits == 8);
        CHECK(got.pixels == decode_image(jpeg, 0, "x").pixels);
        writer.encapsulate({Bytes(jpeg.begin(), half)});
        CHECK_THROWS_AS(decode_image(writer.file(), 0, "x"), InputError);
    }
}
