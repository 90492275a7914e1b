// PNG: the container, and the kind of image that nearly all files hold; the other kinds are stb_image's to read.
#include "data/formats/image_format.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "data/formats/exif.h"
#include "data/formats/png_unfilter.h"
#include "data/formats/stb.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr const char* kExtensions[] = {"png"};
constexpr std::uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::size_t kSignatureBytes = sizeof(kSignature);

std::uint32_t big_endian32(const std::uint8_t* p) {
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | std::uint32_t{p[3]};
}

[[noreturn]] void bad(const std::string& name, const char* what) { throw InputError("[decode] " + name + ": " + what); }

struct Chunk {
    std::string_view type;
    Bytes data;
    bool critical() const { return (type[0] & 0x20) == 0; }
};

/// Calls visit(chunk) for all chunks up to IEND.
template <class Visit>
void each_chunk(Bytes file, const std::string& name, Visit visit) {
    for (std::size_t at = kSignatureBytes;;) {
        if (file.size() - at < 12) bad(name, "truncated PNG file");
        const std::size_t length = big_endian32(file.data() + at);
        if (length > file.size() - at - 12) bad(name, "truncated PNG file");
        const Chunk chunk{{reinterpret_cast<const char*>(file.data()) + at + 4, 4}, file.subspan(at + 8, length)};
        visit(chunk);
        if (chunk.type == "IEND") return;
        at += length + 12;
    }
}

constexpr int kPalette = 3;

struct Header {
    std::uint32_t width, height;
    int bits, color;
    bool interlaced;
    int samples() const { return (color == 2 || color == 6 ? 3 : 1) + (color >= 4 ? 1 : 0); }  ///< of a pixel
};

Header read_header(Bytes file, const std::string& name) {
    const std::uint8_t* ihdr = file.data() + kSignatureBytes;  // each_chunk has seen it: there are at least 12 bytes
    if (big_endian32(ihdr) != 13 || std::memcmp(ihdr + 4, "IHDR", 4) != 0) bad(name, "PNG file without a header");
    const std::uint8_t* p = ihdr + 8;
    const Header header{big_endian32(p), big_endian32(p + 4), p[8], p[9], p[12] != 0};
    constexpr int kColors = 0b1011101;  // 0, 2, 3, 4, 6
    if (header.color > 6 || (kColors >> header.color & 1) == 0 || p[10] != 0 || p[11] != 0 || p[12] > 1)
        bad(name, "damaged PNG header");
    return header;
}

/// The bytes of a zlib stream that is spread over the IDAT chunks.
class Inflater {
public:
    explicit Inflater(std::vector<Bytes> parts)
        : parts_(std::move(parts)), state_(std::make_unique_for_overwrite<inflate_state>()) {
        isal_inflate_init(state_.get());
        state_->crc_flag = ISAL_ZLIB;
    }

    /// Reads the next `n` bytes; false where the stream is damaged or has fewer.
    bool read(std::uint8_t* dst, std::size_t n) {
        state_->next_out = dst;
        state_->avail_out = static_cast<std::uint32_t>(n);
        while (state_->avail_out > 0) {
            if (state_->avail_in == 0 && next_ < parts_.size()) {
                state_->next_in = const_cast<std::uint8_t*>(parts_[next_].data());
                state_->avail_in = static_cast<std::uint32_t>(parts_[next_++].size());
            }
            const auto left = std::pair(state_->avail_in, state_->avail_out);
            if (isal_inflate(state_.get()) != ISAL_DECOMP_OK) return false;
            const bool stuck = left == std::pair(state_->avail_in, state_->avail_out);
            if (stuck && (state_->avail_in > 0 || next_ == parts_.size())) return false;  // ended, or in need of more
        }
        return true;
    }

private:
    std::vector<Bytes> parts_;
    std::size_t next_ = 0;
    std::unique_ptr<inflate_state> state_;
};

/// Copies the first `kept` of `stored` interleaved samples of each pixel.
void copy_samples(const std::uint8_t* src, int stored, std::size_t pixels, int kept, std::uint8_t* dst) {
    if (stored == kept) {
        std::memcpy(dst, src, pixels * static_cast<std::size_t>(kept));
        return;
    }
    for (std::size_t p = 0; p < pixels; ++p, src += stored, dst += kept) {
        for (int c = 0; c < kept; ++c) dst[c] = src[c];
    }
}

/// Copies the first of each pixel's samples of 16 bits, which the file has with the high byte first.
void copy_deep_grey(const std::uint8_t* src, std::size_t pixel_bytes, std::size_t pixels, std::uint16_t* dst) {
    for (std::size_t p = 0; p < pixels; ++p, src += pixel_bytes)
        dst[p] = static_cast<std::uint16_t>(src[0] << 8 | src[1]);
}

/// Whether the chunks can hold the pixels at all: deflate makes at most 1032 bytes of one. Checked before memory is
/// taken for them.
bool plausible(const Header& header, std::size_t packed) {
    const std::uint64_t bits = std::uint64_t{header.width} * static_cast<unsigned>(header.samples() * header.bits);
    return header.height <= std::uint64_t{packed} * 1032 / (bits / 8 + 1);
}

Image decode_rows(const Header& header, Inflater inflater, const std::string& name) {
    const int width = static_cast<int>(header.width), height = static_cast<int>(header.height);
    const int samples = header.samples(), pixel = samples * header.bits / 8;  // bytes of one
    const auto columns = static_cast<std::size_t>(width), length = columns * static_cast<std::size_t>(pixel);
    std::vector<std::uint8_t> packed((length + 1) * kUnfilterRows), rows(length * kUnfilterRows), above(length);
    Image image(width, height, samples <= 2 ? 1 : 3, header.bits);
    for (int y = 0; y < height; y += kUnfilterRows) {
        const int count = std::min(kUnfilterRows, height - y);
        const auto n = static_cast<std::size_t>(count);
        if (!inflater.read(packed.data(), n * (length + 1))) bad(name, "the PNG's pixels are damaged");
        for (std::size_t r = 0; r < n; ++r) {
            if (packed[r * (length + 1)] > 4) bad(name, "unknown PNG filter");
        }
        png_unfilter(pixel, static_cast<std::int64_t>(length), count, packed.data(), above.data(), rows.data());
        if (header.bits == 16)
            copy_deep_grey(rows.data(), static_cast<std::size_t>(pixel), n * columns, image.row16(y));
        else
            copy_samples(rows.data(), samples, n * columns, image.channels, image.row(y));
        std::copy_n(rows.data() + (n - 1) * length, length, above.data());
    }
    return image;
}

bool matches(Bytes file) {
    return file.size() >= kSignatureBytes && std::equal(kSignature, kSignature + kSignatureBytes, file.begin());
}

/// Throws InputError if there is no header, the file is truncated or the CRC of a chunk does not match.
ImageHeader header(Bytes file, const std::string& name) {
    each_chunk(file, name, [&](const Chunk& chunk) {
        const std::uint8_t* data = chunk.data.data();
        const std::uint32_t crc = crc32_gzip_refl(0, const_cast<std::uint8_t*>(data) - 4, chunk.data.size() + 4);
        if (crc != big_endian32(data + chunk.data.size())) bad(name, "CRC of a PNG chunk does not match");
    });
    const Header read = read_header(file, name);
    const auto side = [](std::uint32_t v) {
        return static_cast<int>(std::min<std::uint32_t>(v, std::numeric_limits<int>::max()));
    };
    return {side(read.width), side(read.height), read.color == kPalette ? 3 : read.samples(), read.bits};
}

/// Returns the image of a file whose chunks are good: grey of 8 or 16 bits or RGB of 8, with alpha or without, not
/// interlaced; nothing for any other kind. Throws InputError where the pixels are damaged.
std::optional<Image> decode_usual(Bytes file, const std::string& name) {
    const Header header = read_header(file, name);
    std::vector<Bytes> parts;
    std::size_t packed = 0;
    const bool deep_grey = header.bits == 16 && header.samples() <= 2;
    bool known = header.color != kPalette && (header.bits == 8 || deep_grey) && !header.interlaced;
    each_chunk(file, name, [&](const Chunk& chunk) {
        if (chunk.type == "IDAT") {
            parts.push_back(chunk.data);
            packed += chunk.data.size();
        }
        // A critical chunk that the specification lacks says that the pixels mean something else.
        known = known && (!chunk.critical() || chunk.type == "IHDR" || chunk.type == "PLTE" || chunk.type == "IDAT" ||
                          chunk.type == "IEND");
    });
    if (!plausible(header, packed)) bad(name, "the PNG's pixels are damaged");
    if (!known) return std::nullopt;
    return decode_rows(header, Inflater(std::move(parts)), name);
}

Image decode(Bytes file, const ImageHeader& claimed, const DecodeOptions& options, const std::string& name) {
    if (auto image = decode_usual(file, name)) return brightness_of(std::move(*image), options.reading, name);
    return stb_decode(file, claimed, options, name);
}

int orientation(Bytes file, const ImageReading&) {
    int found = 1;
    each_chunk(file, "", [&](const Chunk& chunk) {
        if (chunk.type == "eXIf") found = exif_orientation(chunk.data);
    });
    return found;
}

}  // namespace

const ImageFormat kPngFormat{"PNG", kExtensions, matches, header, decode, orientation};

}  // namespace keel
