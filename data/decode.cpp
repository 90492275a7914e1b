#include "data/decode.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>

#include <fmt/core.h>
#include <stb/stb_image.h>
#include <zlib.h>

#include "kernels/error.h"

namespace keel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kPngSignature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

bool is_png(Bytes b) { return b.size() >= 8 && std::equal(kPngSignature, kPngSignature + 8, b.begin()); }
bool is_jpeg(Bytes b) { return b.size() >= 3 && b[0] == 0xFF && b[1] == 0xD8 && b[2] == 0xFF; }
bool is_bmp(Bytes b) { return b.size() >= 14 && b[0] == 'B' && b[1] == 'M'; }

std::uint32_t big_endian32(Bytes b, std::size_t at) {
    return std::uint32_t{b[at]} << 24 | std::uint32_t{b[at + 1]} << 16 | std::uint32_t{b[at + 2]} << 8 | std::uint32_t{b[at + 3]};
}

[[noreturn]] void bad(const std::string& name, const char* what) { throw InputError(fmt::format("[decode] {}: {}", name, what)); }

/// stb_image checks no CRC, so a flipped bit would become a wrong picture.
void check_png(Bytes b, const std::string& name) {
    for (std::size_t at = 8;;) {
        if (b.size() - at < 12) bad(name, "truncated PNG file");
        const std::size_t length = big_endian32(b, at);
        if (length > b.size() - at - 12) bad(name, "truncated PNG file");
        const auto crc = crc32(0, b.data() + at + 4, static_cast<uInt>(length + 4));
        if (crc != big_endian32(b, at + 8 + length)) bad(name, "CRC of a PNG chunk does not match");
        if (std::memcmp(b.data() + at + 4, "IEND", 4) == 0) return;
        at += length + 12;
    }
}

std::size_t big_endian16(Bytes b, std::size_t at) { return std::size_t{b[at]} << 8 | b[at + 1]; }

/// A Huffman table has at most 256 symbols. stb_image 2.27 counts them too late, and writes past its tables. `at` is where the
/// segment's length stands.
void check_huffman_segment(Bytes b, std::size_t at, const std::string& name) {
    if (b.size() - at < 2) bad(name, "truncated JPEG file");
    const std::size_t end = at + big_endian16(b, at);
    for (at += 2; at < end;) {
        if (end > b.size() || end - at < 17) bad(name, "damaged JPEG Huffman table");
        std::size_t symbols = 0;
        for (std::size_t i = 1; i <= 16; ++i) symbols += b[at + i];
        if (symbols > 256 || symbols > end - at - 17) bad(name, "damaged JPEG Huffman table");
        at += 17 + symbols;
    }
}

/// Walks the segments up to the first start of scan and returns where its data begin. Bytes between segments, which stb_image
/// would skip, are refused, so that both see the same segments.
std::size_t check_jpeg_header(Bytes b, const std::string& name) {
    for (std::size_t at = 2;;) {
        while (b.size() - at >= 2 && b[at] == 0xFF && b[at + 1] == 0xFF) ++at;  // fill bytes
        if (b.size() - at < 4) bad(name, "truncated JPEG file");
        if (b[at] != 0xFF) bad(name, "JPEG segment without a marker");
        const std::uint8_t marker = b[at + 1];
        if (marker == 0xC4) check_huffman_segment(b, at + 2, name);
        at += 2 + big_endian16(b, at + 2);
        if (at >= b.size()) bad(name, "truncated JPEG file");
        if (marker == 0xDA) return at;
    }
}

/// stb_image fills what a truncated JPEG lacks with grey. Entropy-coded data never holds FF D9 or FF C4, so behind the first start
/// of scan they are the end of the image and further Huffman tables; a thumbnail's lie in a segment before it.
void check_jpeg(Bytes b, const std::string& name) {
    bool whole = false;
    for (std::size_t at = check_jpeg_header(b, name); at + 1 < b.size(); ++at) {
        if (b[at] != 0xFF) continue;
        if (b[at + 1] == 0xC4) check_huffman_segment(b, at + 2, name);
        if (b[at + 1] == 0xD9) whole = true;
    }
    if (!whole) bad(name, "truncated JPEG file");
}

/// stb_image reads zeros behind the end of a BMP file; its header says how long the file is.
void check_bmp(Bytes b, const std::string& name) {
    const std::uint32_t length =
        std::uint32_t{b[2]} | std::uint32_t{b[3]} << 8 | std::uint32_t{b[4]} << 16 | std::uint32_t{b[5]} << 24;
    if (length > b.size()) bad(name, "truncated BMP file");
}

void check_whole(Bytes b, const std::string& name) {
    if (is_png(b)) check_png(b, name);
    if (is_jpeg(b)) check_jpeg(b, name);
    if (is_bmp(b)) check_bmp(b, name);
}

/// Copies the first dst.channels of `channels` interleaved channels, each value through `convert`.
template <class T, class Convert>
void copy_channels(const T* src, int channels, Image& dst, Convert convert) {
    const auto keep = static_cast<std::size_t>(dst.channels), all = static_cast<std::size_t>(channels);
    const std::size_t pixels = dst.pixels.size() / keep;
    for (std::size_t p = 0; p < pixels; ++p) {
        for (std::size_t c = 0; c < keep; ++c) dst.pixels[p * keep + c] = convert(src[p * all + c]);
    }
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::string& path, std::int64_t limit) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    const std::streamoff length = in ? std::streamoff{in.tellg()} : -1;
    // A folder opens as a file of length 2^63 - 1.
    if (length < 0 || length == std::numeric_limits<std::streamoff>::max())
        throw IoError(fmt::format("[read] cannot read {}", path));
    if (length > limit) throw InputError(fmt::format("[read] {} has {} bytes, at most {} are allowed", path, length, limit));
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(length));
    in.seekg(0);
    in.read(reinterpret_cast<char*>(bytes.data()), length);
    if (in.gcount() != length) throw IoError(fmt::format("[read] cannot read {}", path));
    return bytes;
}

ImageHeader probe_image(Bytes bytes, const std::string& name) {
    if (!is_png(bytes) && !is_jpeg(bytes) && !is_bmp(bytes)) bad(name, "neither PNG nor JPEG nor BMP");
    if (static_cast<std::int64_t>(bytes.size()) > kMaxImageFileBytes) bad(name, "file is too long");
    ImageHeader header{};
    const int length = static_cast<int>(bytes.size());
    // PNG's size is at a fixed place and read here, for stb_image refuses a large one without naming it.
    if (is_png(bytes) && bytes.size() >= 26) {
        const auto width = big_endian32(bytes, 16), height = big_endian32(bytes, 20);
        if (width > kMaxImageSide || height > kMaxImageSide) {
            throw InputError(
                fmt::format("[decode] {}: {} x {} pixels, at most {} a side are allowed", name, width, height, kMaxImageSide));
        }
    }
    check_whole(bytes, name);  // before stb_image sees any of it
    if (stbi_info_from_memory(bytes.data(), length, &header.width, &header.height, &header.channels) == 0) {
        bad(name, stbi_failure_reason());
    }
    header.bits = stbi_is_16_bit_from_memory(bytes.data(), length) != 0 ? 16 : 8;
    if (header.width < 1 || header.height < 1 || header.width > kMaxImageSide || header.height > kMaxImageSide ||
        std::int64_t{header.width} * header.height > kMaxImagePixels) {
        throw InputError(fmt::format("[decode] {}: {} x {} pixels, at most {} a side and {} in all are allowed", name, header.width,
                                     header.height, kMaxImageSide, kMaxImagePixels));
    }
    return header;
}

Image decode_image(Bytes bytes, int channels, const std::string& name) {
    const ImageHeader header = probe_image(bytes, name);
    int width = 0, height = 0, stored = 0;
    const int length = static_cast<int>(bytes.size());
    const auto check = [&](const void* pixels) {
        if (pixels == nullptr) bad(name, stbi_failure_reason());
        if (width != header.width || height != header.height) bad(name, "decoded size differs from the header's");
        return Image(width, height, stored <= 2 ? 1 : 3);  // without alpha
    };
    Image image;
    if (header.bits == 16) {
        const std::unique_ptr<stbi_us, decltype(&stbi_image_free)> pixels(
            stbi_load_16_from_memory(bytes.data(), length, &width, &height, &stored, 0), stbi_image_free);
        image = check(pixels.get());
        copy_channels(pixels.get(), stored, image,
                      [](stbi_us v) { return static_cast<std::uint8_t>((v * 255U + 32767U) / 65535U); });
    } else {
        const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
            stbi_load_from_memory(bytes.data(), length, &width, &height, &stored, 0), stbi_image_free);
        image = check(pixels.get());
        copy_channels(pixels.get(), stored, image, [](stbi_uc v) { return v; });
    }
    return channels == 0 ? image : convert_channels(std::move(image), channels, name);
}

Image load_image(const std::string& path, int channels) {
    return decode_image(read_file(path, kMaxImageFileBytes), channels, path);
}

Image convert_channels(Image image, int channels, const std::string& name) {
    if (image.channels == channels) return image;
    const bool to_grey = image.channels == 3 && channels == 1, to_rgb = image.channels == 1 && channels == 3;
    if (!to_grey && !to_rgb) {
        throw InputError(fmt::format("[decode] {}: {} channels, {} are wanted", name, image.channels, channels));
    }
    Image result(image.width, image.height, channels);
    const std::uint8_t* src = image.pixels.data();
    std::uint8_t* dst = result.pixels.data();
    const std::size_t pixels = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
    for (std::size_t p = 0; p < pixels; ++p) {
        if (to_rgb) {
            dst[3 * p] = dst[3 * p + 1] = dst[3 * p + 2] = src[p];
        } else {
            dst[p] = static_cast<std::uint8_t>((299 * src[3 * p] + 587 * src[3 * p + 1] + 114 * src[3 * p + 2] + 500) / 1000);
        }
    }
    return result;
}

}  // namespace keel
