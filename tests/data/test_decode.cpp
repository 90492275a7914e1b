#include "data/formats/decode.h"

#include <zlib.h>

#include <memory>

#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/data/stb_oracle.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

void put32(Bytes& bytes, std::uint32_t v) {
    for (int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(v >> shift));
}

void put_chunk(Bytes& png, const std::string& type, const Bytes& data) {
    put32(png, static_cast<std::uint32_t>(data.size()));
    const std::size_t start = png.size();
    png.insert(png.end(), type.begin(), type.end());
    png.insert(png.end(), data.begin(), data.end());
    put32(png, static_cast<std::uint32_t>(crc32(0, png.data() + start, static_cast<uInt>(png.size() - start))));
}

/// Raw scanlines packed as a zlib stream.
Bytes pack(const Bytes& raw) {
    uLongf length = compressBound(static_cast<uLong>(raw.size()));
    Bytes packed(length);
    compress(packed.data(), &length, raw.data(), static_cast<uLong>(raw.size()));
    packed.resize(length);
    return packed;
}

struct PngKind {
    std::uint32_t width, height;
    int bits = 8, color = 0;
    bool interlaced = false;
    int samples() const { return (color == 2 || color == 6 ? 3 : 1) + (color == 4 || color == 6 ? 1 : 0); }
    std::size_t row_bytes(std::uint32_t columns) const {
        return (columns * static_cast<std::size_t>(samples() * bits) + 7) / 8;
    }
};

/// A PNG of the claimed kind whose IDAT chunks are `parts`.
Bytes make_png(const PngKind& kind, const std::vector<Bytes>& parts) {
    Bytes png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}, header;
    put32(header, kind.width);
    put32(header, kind.height);
    for (int v : {kind.bits, kind.color, 0, 0, kind.interlaced ? 1 : 0}) header.push_back(static_cast<std::uint8_t>(v));
    put_chunk(png, "IHDR", header);
    if (kind.color == 3) {
        Bytes palette(3 * 256);
        for (std::size_t i = 0; i < palette.size(); ++i) palette[i] = static_cast<std::uint8_t>(i * 7 + i / 3);
        put_chunk(png, "PLTE", palette);
    }
    for (const Bytes& part : parts) put_chunk(png, "IDAT", part);
    put_chunk(png, "IEND", {});
    return png;
}

/// Scanlines of noise: under a filter, too, any bytes are an image.
Bytes noise_rows(const PngKind& kind, std::uint32_t columns, std::uint32_t rows, Random& random) {
    Bytes raw;
    for (std::uint32_t y = 0; y < rows; ++y) {
        raw.push_back(static_cast<std::uint8_t>(random.below(5)));
        // Small steps: the predictions must be near each other for all of Paeth's cases to occur.
        for (std::size_t i = 0; i < kind.row_bytes(columns); ++i)
            raw.push_back(static_cast<std::uint8_t>(random.below(random.chance(0.5F) ? 4 : 256)));
    }
    return raw;
}

Bytes noise_png(const PngKind& kind, Random& random) {
    Bytes raw;
    if (kind.interlaced) {
        constexpr std::uint32_t kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                                 {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
        for (const auto& [x, y, dx, dy] : kPasses) {
            const std::uint32_t columns = (kind.width + dx - 1 - x) / dx, rows = (kind.height + dy - 1 - y) / dy;
            const Bytes pass = columns == 0 ? Bytes() : noise_rows(kind, columns, rows, random);
            raw.insert(raw.end(), pass.begin(), pass.end());
        }
    } else {
        raw = noise_rows(kind, kind.width, kind.height, random);
    }
    const Bytes packed = pack(raw);
    std::vector<Bytes> parts;
    for (std::size_t at = 0; at < packed.size();) {
        const std::size_t length = std::min<std::size_t>(packed.size() - at, random.below(at < 4 ? 2 : 4000));
        parts.emplace_back(packed.begin() + static_cast<std::ptrdiff_t>(at),
                           packed.begin() + static_cast<std::ptrdiff_t>(at + length));
        at += length;
    }
    return make_png(kind, parts);
}

Bytes cut(Bytes bytes, std::size_t keep) {
    bytes.resize(keep);
    return bytes;
}

}  // namespace

TEST_CASE("PNG and BMP come back exactly, JPEG nearly") {
    const Image grey = noise_image(13, 7, 1, 1), rgb = noise_image(13, 7, 3, 2);
    CHECK(decode_image(encode_png(grey), 0, "x").pixels == grey.pixels);
    CHECK(decode_image(encode_png(rgb), 0, "x").pixels == rgb.pixels);
    CHECK(decode_image(encode_bmp(rgb), 0, "x").pixels == rgb.pixels);
    Image flat(16, 16, 3);
    std::ranges::fill(flat.pixels, std::uint8_t{120});
    for (int v : decode_image(encode_jpeg(flat), 0, "x").pixels)
        CHECK(std::abs(v - 120) <= 2);  // a constant block: only the DC is quantized
}

TEST_CASE("PNG of every kind is what stb_image makes of it") {
    Random random(5, Draw::bench);
    std::vector<PngKind> kinds;
    for (int color : {0, 2, 4, 6}) {
        // around the sixteen rows and bytes that are unfiltered at once
        for (auto [w, h] :
             {std::pair{1U, 1U}, {2U, 15U}, {5U, 16U}, {15U, 17U}, {16U, 33U}, {17U, 2U}, {101U, 40U}, {333U, 64U}})
            for (const int bits : {8, 16}) kinds.push_back({w, h, bits, color});
        kinds.push_back({21, 19, 16, color});
        kinds.push_back({21, 19, 8, color, true});
        kinds.push_back({3, 3, 16, color, true});
    }
    for (int bits : {1, 2, 4, 8}) {
        for (int color : {0, 3}) {
            kinds.push_back({23, 18, bits, color});
            kinds.push_back({23, 18, bits, color, true});
        }
    }
    for (const PngKind& kind : kinds) {
        INFO(kind.width << " x " << kind.height << ", " << kind.bits << " bits, color type " << kind.color
                        << ", interlaced " << kind.interlaced);
        const Bytes png = noise_png(kind, random);
        const Image image = decode_image(png, 0, "x"), want = stb_image(png);
        CHECK(image.width == static_cast<int>(kind.width));
        CHECK(image.height == static_cast<int>(kind.height));
        CHECK(image.channels == want.channels);
        CHECK(image.pixels == want.pixels);
    }
}

TEST_CASE("PNG pixels that are too few, or filtered or packed in no known way, are an error; too many are not") {
    const PngKind kind{20, 33, 8, 2};
    Random random(6, Draw::bench);
    const Bytes raw = noise_rows(kind, 20, 33, random);
    const auto decode = [&](const Bytes& packed) { return decode_image(make_png(kind, {packed}), 0, "x"); };
    const Image whole = decode(pack(raw));
    CHECK_THROWS_AS(decode(pack(cut(raw, raw.size() - 1))), InputError);
    CHECK_THROWS_AS(decode(pack({})), InputError);
    CHECK_THROWS_AS(decode({}), InputError);
    CHECK_THROWS_AS(decode_image(make_png(kind, {}), 0, "x"), InputError);
    Bytes more = raw, filter = raw, header = pack(raw);
    more.resize(raw.size() + 1000);
    CHECK(decode(pack(more)).pixels == whole.pixels);
    filter[61 * 20] = 5;
    CHECK_THROWS_AS(decode(pack(filter)), InputError);
    header[0] ^= 1;
    CHECK_THROWS_AS(decode(header), InputError);
    // Damage within the stream under a CRC that is right: an image or an error, nothing else.
    const Bytes packed = pack(raw);
    int ended = 0;
    for (int i = 0; i < 1000; ++i) {
        Bytes damaged = packed;
        damaged[random.below(static_cast<std::uint32_t>(packed.size()))] = static_cast<std::uint8_t>(random.below(256));
        try {
            ended += decode(damaged).pixels.size() == whole.pixels.size();
        } catch (const InputError&) {
            ++ended;
        }
    }
    CHECK(ended == 1000);
}

TEST_CASE("A critical chunk that nobody knows is refused") {
    const Bytes good = noise_png({8, 8}, *std::make_unique<Random>(7, Draw::bench));
    Bytes chunk, odd = good;
    put_chunk(chunk, "ODDc", {1, 2, 3});
    odd.insert(odd.begin() + 33, chunk.begin(), chunk.end());  // behind IHDR
    CHECK_THROWS_AS(decode_image(odd, 0, "x"), InputError);
    chunk.clear();
    put_chunk(chunk, "oDDc", {1, 2, 3});
    Bytes fine = good;
    fine.insert(fine.begin() + 33, chunk.begin(), chunk.end());
    CHECK(decode_image(fine, 0, "x").pixels == decode_image(good, 0, "x").pixels);
}

TEST_CASE("Alpha is dropped and channels are converted") {
    const Image rgba = noise_image(5, 4, 4, 3), grey_alpha = noise_image(5, 4, 2, 4);
    const Image rgb = decode_image(encode_png(rgba), 0, "x"), grey = decode_image(encode_png(grey_alpha), 0, "x");
    REQUIRE(rgb.channels == 3);
    REQUIRE(grey.channels == 1);
    const Image luminance = decode_image(encode_png(rgba), 1, "x"),
                triple = decode_image(encode_png(grey_alpha), 3, "x");
    for (std::size_t p = 0; p < 20; ++p) {
        for (std::size_t c = 0; c < 3; ++c) CHECK(rgb.pixels[3 * p + c] == rgba.pixels[4 * p + c]);
        CHECK(grey.pixels[p] == grey_alpha.pixels[2 * p]);
        const double y = 0.299 * rgb.pixels[3 * p] + 0.587 * rgb.pixels[3 * p + 1] + 0.114 * rgb.pixels[3 * p + 2];
        CHECK(luminance.pixels[p] == static_cast<int>(y + 0.5 + 1e-9));
        for (std::size_t c = 0; c < 3; ++c) CHECK(triple.pixels[3 * p + c] == grey.pixels[p]);
    }
    CHECK_THROWS_AS(decode_image(encode_png(rgba), 5, "x"), InputError);
}

TEST_CASE("16 bits become 8 by rounding") {
    Bytes raw{0};
    const int values[] = {0, 128, 129, 257, 32767, 32768, 65406, 65407, 65535};
    for (int v : values) raw.insert(raw.end(), {static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v & 255)});
    const Bytes png = make_png({9, 1, 16}, {pack(raw)});
    CHECK(probe_image(png, "x").bits == 16);
    const Image image = decode_image(png, 0, "x");
    CHECK(image.bits == 8);
    for (std::size_t i = 0; i < 9; ++i) CHECK(image.pixels[i] == static_cast<int>(values[i] * 255.0 / 65535.0 + 0.5));
    const Image deep = decode_image(png, 0, "x", {.keep_16_bits = true});
    CHECK((deep.bits == 16 && deep.channels == 1 && deep.pixels.size() == 18));
    for (std::size_t i = 0; i < 9; ++i) CHECK(deep.row16(0)[i] == values[i]);
}

TEST_CASE("A PNG of 16 bits keeps them if and only if it is asked to", "[decode]") {
    Random random(9, Draw::bench);
    for (const int color : {0, 2, 4, 6}) {
        const PngKind kind{13, 7, 16, color};
        const Bytes png = noise_png(kind, random);
        for (const int channels : {0, 1, 3}) {
            const Image deep = decode_image(png, channels, "x", {.keep_16_bits = true});
            const Image shallow = decode_image(png, channels, "x");
            CHECK((deep.bits == 16 && shallow.bits == 8 && deep.channels == shallow.channels));
            CHECK((deep.width == 13 && deep.height == 7));
            int most = 0;
            const Image rounded = to_8_bits(deep);
            for (std::size_t i = 0; i < rounded.pixels.size(); ++i)
                most = std::max(most, std::abs(rounded.pixels[i] - shallow.pixels[i]));
            CHECK(most <=
                  (channels == 1 && deep.channels == 1 && color % 4 == 2 ? 1 : 0));  // grey is rounded at another depth
        }
    }
    const Image eight = decode_image(encode_png(noise_image(5, 5, 1, 1)), 0, "x", {.keep_16_bits = true});
    CHECK(eight.bits == 8);
}

TEST_CASE("A header that claims too much is refused before decoding") {
    for (auto [w, h] : {std::pair{50000U, 50000U},
                        {16385U, 1U},
                        {1U, 16385U},
                        {10001U, 10000U},
                        {0U, 5U},
                        {0xFFFFFFFFU, 0xFFFFFFFFU}}) {
        CHECK_THROWS_AS(decode_image(make_png({w, h}, {pack(Bytes(4))}), 0, "huge.png"), InputError);
    }
    try {
        decode_image(make_png({50000, 50000}, {pack(Bytes(4))}), 0, "huge.png");
    } catch (const InputError& error) {
        CHECK(std::string(error.what()).find("huge.png: 50000 x 50000") != std::string::npos);
    }
}

TEST_CASE("Every truncation of a file is an error") {
    const Image image = noise_image(24, 24, 3, 5);
    for (const Bytes& whole : {encode_png(image), encode_jpeg(image), encode_bmp(image)}) {
        REQUIRE_NOTHROW(decode_image(whole, 0, "x"));
        for (std::size_t keep = 0; keep < whole.size(); ++keep) {
            INFO(keep << " of " << whole.size());
            CHECK_THROWS_AS(decode_image(cut(whole, keep), 0, "x"), InputError);
        }
    }
}

TEST_CASE("A flipped bit in a PNG is an error") {
    const Bytes whole = encode_png(noise_image(9, 9, 1, 6));
    for (std::size_t at = 0; at < whole.size(); ++at) {
        Bytes flipped = whole;
        flipped[at] ^= 4;
        CHECK_THROWS_AS(decode_image(flipped, 0, "x"), InputError);
    }
}

TEST_CASE("A JPEG Huffman table of more than 256 symbols is refused, before and behind a start of scan") {
    const Bytes good = encode_jpeg(noise_image(24, 24, 3, 8));
    constexpr std::uint8_t kTable[] = {0xFF, 0xC4};
    const auto table = std::search(good.begin(), good.end(), kTable, kTable + 2);
    REQUIRE(table != good.end());
    Bytes claims = good;
    std::fill_n(claims.begin() + (table - good.begin()) + 5, 16,
                std::uint8_t{0xFF});  // 16 counts behind marker, length and class
    CHECK_THROWS_AS(decode_image(claims, 0, "x"), InputError);
    Bytes segment{0xFF, 0xC4, 0x10, 0x03, 0x00};
    segment.resize(2 + 0x1003, std::uint8_t{0xFF});
    Bytes second = good;
    second.insert(second.end() - 2, segment.begin(), segment.end());
    CHECK_THROWS_AS(decode_image(second, 0, "x"), InputError);
}

TEST_CASE("Damaged JPEG and BMP files end in an image or an InputError") {
    const Image image = noise_image(24, 24, 3, 7);
    Random random(1, Draw::bench);
    int decoded = 0, refused = 0;
    for (const Bytes& whole : {encode_jpeg(image), encode_bmp(image)}) {
        for (int i = 0; i < 500; ++i) {
            Bytes damaged = whole;
            damaged[random.below(static_cast<std::uint32_t>(damaged.size()))] =
                static_cast<std::uint8_t>(random.below(256));
            try {
                const Image read = decode_image(damaged, 0, "x");
                decoded += read.pixels.size() == read.row_bytes() * static_cast<std::size_t>(read.height);
            } catch (const InputError&) {
                ++refused;
            }
        }
    }
    CHECK(decoded + refused == 1000);
}

TEST_CASE("Files that are no images, missing or too long") {
    const TemporaryFolder scratch;
    write_text(scratch / "text.png", "hello");
    write_bytes(scratch / "empty.png", {});
    CHECK_THROWS_AS(load_image(scratch / "text.png", 1), InputError);
    CHECK_THROWS_AS(load_image(scratch / "empty.png", 1), InputError);
    CHECK_THROWS_AS(load_image(scratch / "missing.png", 1), IoError);
    CHECK_THROWS_AS(load_image(scratch.path(), 1), InputError);
    CHECK_THROWS_AS(read_bytes(scratch / "text.png", 4), InputError);
    CHECK(read_bytes(scratch / "text.png", 5).size() == 5);
}
