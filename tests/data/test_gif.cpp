// GIF written by hand: codes of nine bits, a clear code before the table grows.
#include "data/formats/decode.h"
#include "kernels/error.h"
#include "tests/data/deep_files.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

struct GifKind {
    int left = 0, top = 0;
    bool interlaced = false, local_colors = false, animated = false;
};

std::vector<int> gif_lines(int height, bool interlaced) {
    std::vector<int> order;
    for (const auto& [first, step] : interlaced ? std::vector<std::pair<int, int>>{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
                                                : std::vector<std::pair<int, int>>{{0, 1}})
        for (int y = first; y < height; y += step) order.push_back(y);
    return order;
}

/// Indices as LZW of codes that refer to nothing.
FileBytes lzw(const FileBytes& indices) {
    FileBytes packed;
    std::uint32_t pending = 0;
    int bits = 0;
    const auto put = [&](std::uint32_t code) {
        pending |= code << bits;
        for (bits += 9; bits >= 8; bits -= 8, pending >>= 8) packed.push_back(static_cast<std::uint8_t>(pending));
    };
    for (std::size_t i = 0; i < indices.size(); ++i) {
        if (i % 200 == 0) put(256);
        put(indices[i]);
    }
    put(257);
    if (bits > 0) packed.push_back(static_cast<std::uint8_t>(pending));
    return packed;
}

void put_colors(FileBytes& file) {
    for (int i = 0; i < 256; ++i)
        for (const int v : {i, 255 - i, i / 2}) file.push_back(static_cast<std::uint8_t>(v));
}

void put_frame(FileBytes& file, const Image& indices, const GifKind& kind) {
    file.push_back(0x2C);
    for (const int v : {kind.left, kind.top, indices.width, indices.height})
        put_number(file, static_cast<std::uint64_t>(v), 2, false);
    file.push_back(static_cast<std::uint8_t>((kind.local_colors ? 0x87 : 0) | (kind.interlaced ? 0x40 : 0)));
    if (kind.local_colors) put_colors(file);
    FileBytes ordered;
    for (const int y : gif_lines(indices.height, kind.interlaced))
        ordered.insert(ordered.end(), indices.row(y), indices.row(y) + indices.width);
    file.push_back(8);
    const FileBytes packed = lzw(ordered);
    for (std::size_t at = 0; at < packed.size(); at += 255) {
        const std::size_t count = std::min<std::size_t>(255, packed.size() - at);
        file.push_back(static_cast<std::uint8_t>(count));
        file.insert(file.end(), packed.begin() + static_cast<std::ptrdiff_t>(at),
                    packed.begin() + static_cast<std::ptrdiff_t>(at + count));
    }
    file.push_back(0);
}

FileBytes encode_gif(const Image& indices, int width, int height, const GifKind& kind) {
    FileBytes file;
    put_text(file, "GIF89a");
    put_number(file, static_cast<std::uint64_t>(width), 2, false);
    put_number(file, static_cast<std::uint64_t>(height), 2, false);
    for (const int v : {kind.local_colors ? 0 : 0xF7, 3, 0}) file.push_back(static_cast<std::uint8_t>(v));
    if (!kind.local_colors) put_colors(file);
    put_text(file, std::string("\x21\xFE\x05hello\0", 9));  // a comment
    put_frame(file, indices, kind);
    if (kind.animated) put_frame(file, noise_image(width, height, 1, 99), {});
    file.push_back(0x3B);
    return file;
}

}  // namespace

TEST_CASE("The first frame of a GIF, whatever its colors and lines", "[gif]") {
    for (const bool interlaced : {false, true})
        for (const bool local : {false, true})
            for (const bool animated : {false, true}) {
                const Image indices = noise_image(19, 13, 1, 1);
                const FileBytes file = encode_gif(
                    indices, 19, 13, {.interlaced = interlaced, .local_colors = local, .animated = animated});
                const Image read = decode_image(file, 0, "x");
                REQUIRE((read.width == 19 && read.height == 13 && read.channels == 3 && read.bits == 8));
                if (local && animated) continue;  // the second has no colors, and is not asked for any
                for (std::size_t p = 0; p < indices.pixels.size(); ++p) {
                    const int v = indices.pixels[p];
                    CHECK((read.pixels[3 * p] == v && read.pixels[3 * p + 1] == 255 - v &&
                           read.pixels[3 * p + 2] == v / 2));
                }
            }
}

TEST_CASE("What a GIF's frame does not cover has the background's color", "[gif]") {
    const Image indices = noise_image(4, 3, 1, 2);
    const Image read = decode_image(encode_gif(indices, 8, 6, {.left = 2, .top = 1}), 0, "x");
    CHECK((read.pixels[0] == 3 && read.pixels[1] == 252 && read.pixels[2] == 1));
    CHECK(read.row(1)[3 * 2] == indices.pixels[0]);
    CHECK(read.row(3)[3 * 5] == indices.row(2)[3]);
    CHECK_THROWS_WITH(decode_image(encode_gif(indices, 5, 6, {.left = 2}), 0, "x"),
                      contains("a GIF frame lies outside of its image"));
}

TEST_CASE("A GIF that is cut off or damaged ends in an image or an InputError", "[gif]") {
    const FileBytes whole = encode_gif(noise_image(19, 13, 1, 1), 19, 13, {.animated = true});
    check_damaged_images(whole, 3);
    CHECK_THROWS_WITH(decode_image(FileBytes(whole.begin(), whole.begin() + 60), 0, "x"),
                      contains("truncated GIF file"));
}
