#include <webp/encode.h>

#include "data/formats/decode.h"
#include "kernels/error.h"
#include "tests/data/deep_files.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

FileBytes encode_webp(const Image& image) {
    std::uint8_t* bytes = nullptr;
    const int stride = static_cast<int>(image.row_bytes());
    const std::size_t size =
        image.channels == 3 ? WebPEncodeLosslessRGB(image.pixels.data(), image.width, image.height, stride, &bytes)
                            : WebPEncodeLosslessRGBA(image.pixels.data(), image.width, image.height, stride, &bytes);
    REQUIRE(size > 0);
    FileBytes file(bytes, bytes + size);
    WebPFree(bytes);
    return file;
}

void put_riff_chunk(FileBytes& file, const std::string& name, const FileBytes& data) {
    put_text(file, name);
    put_number(file, data.size(), 4, false);
    file.insert(file.end(), data.begin(), data.end());
    if (data.size() % 2 != 0) file.push_back(0);
}

/// The extended container around chunks. flags: 2 animation, 8 EXIF.
FileBytes extended(int width, int height, int flags, const std::vector<std::pair<std::string, FileBytes>>& chunks) {
    FileBytes body, file, head;
    put_text(body, "WEBP");
    put_number(head, static_cast<std::uint64_t>(flags), 4, false);
    put_number(head, static_cast<std::uint64_t>(width - 1), 3, false);
    put_number(head, static_cast<std::uint64_t>(height - 1), 3, false);
    put_riff_chunk(body, "VP8X", head);
    for (const auto& [name, data] : chunks) put_riff_chunk(body, name, data);
    put_text(file, "RIFF");
    put_number(file, body.size(), 4, false);
    file.insert(file.end(), body.begin(), body.end());
    return file;
}

/// The chunk of pixels of a simple file, with its header and without.
FileBytes pixels_chunk(const FileBytes& simple, std::size_t skip) {
    return {simple.begin() + 12 + static_cast<std::ptrdiff_t>(skip), simple.end()};
}

FileBytes exif_webp(const Image& image, int orientation) {
    FileBytes data = pixels_chunk(encode_webp(image), 8);
    return extended(image.width, image.height, 8, {{"VP8L", data}, {"EXIF", exif_block(orientation, true)}});
}

}  // namespace

TEST_CASE("A lossless WebP comes back exactly, without alpha", "[webp]") {
    const Image rgb = noise_image(17, 9, 3, 1), rgba = noise_image(17, 9, 4, 2);
    CHECK(decode_image(encode_webp(rgb), 0, "x").pixels == rgb.pixels);
    Image opaque = rgba;
    for (std::size_t p = 0; p < 17 * 9; ++p) opaque.pixels[4 * p + 3] = static_cast<std::uint8_t>(p | 1);
    const FileBytes file = encode_webp(opaque);
    CHECK((probe_image(file, "x").channels == 4 && probe_image(file, "x").decoded == 3));
    const Image read = decode_image(file, 0, "x");
    for (std::size_t p = 0; p < 17 * 9; ++p)
        for (std::size_t c = 0; c < 3; ++c) CHECK(read.pixels[3 * p + c] == rgba.pixels[4 * p + c]);
}

TEST_CASE("A WebP is turned as its EXIF says", "[webp]") {
    const Image image = noise_image(6, 4, 3, 3);
    for (int orientation = 1; orientation <= 8; ++orientation) {
        const FileBytes file = exif_webp(image, orientation);
        CHECK(probe_orientation(file, "x") == orientation);
        CHECK(decode_image(file, 0, "x").pixels == turned(image, orientation).pixels);
    }
}

TEST_CASE("Of an animated WebP the first frame is read", "[webp]") {
    const Image first = noise_image(6, 4, 3, 4), second = noise_image(6, 4, 3, 5);
    const auto frame = [](const Image& image, int x, int y) {
        FileBytes data;
        for (const int v : {x / 2, y / 2, image.width - 1, image.height - 1, 100})
            put_number(data, static_cast<std::uint64_t>(v), 3, false);
        data.push_back(0);
        const FileBytes pixels = pixels_chunk(encode_webp(image), 0);
        data.insert(data.end(), pixels.begin(), pixels.end());
        return data;
    };
    const FileBytes loop{0, 0, 0, 0, 0, 0};
    const FileBytes file =
        extended(10, 8, 2, {{"ANIM", loop}, {"ANMF", frame(first, 2, 4)}, {"ANMF", frame(second, 0, 0)}});
    const Image read = decode_image(file, 0, "x");
    REQUIRE((read.width == 10 && read.height == 8));
    for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 10; ++x)
            for (int c = 0; c < 3; ++c) {
                const bool inside = x >= 2 && x < 8 && y >= 4;
                CHECK(read.row(y)[3 * x + c] == (inside ? first.row(y - 4)[3 * (x - 2) + c] : 0));
            }
}

TEST_CASE("A WebP that is cut off or damaged ends in an image or an InputError", "[webp]") {
    const FileBytes whole = exif_webp(noise_image(24, 16, 3, 6), 6);
    check_damaged_images(whole, 5);
    CHECK_THROWS_WITH(decode_image(FileBytes(whole.begin(), whole.begin() + 40), 0, "x"),
                      contains("truncated WebP file"));
}
