// Files of images with more than 8 bits, and of TIFF's kinds, written byte by byte: what reads them has no part in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/formats/decode.h"
#include "data/image.h"
#include "kernels/error.h"
#include "kernels/random.h"

namespace keel::test {

using FileBytes = std::vector<std::uint8_t>;

inline void put_number(FileBytes& bytes, std::uint64_t value, int width, bool big_endian) {
    for (int i = 0; i < width; ++i)
        bytes.push_back(static_cast<std::uint8_t>(value >> 8 * (big_endian ? width - 1 - i : i)));
}

inline void put_text(FileBytes& bytes, const std::string& text) { bytes.insert(bytes.end(), text.begin(), text.end()); }

/// Decodes without rounding to 8 bits, in the file's own channels; `name` is in messages.
inline Image decode_deep(std::span<const std::uint8_t> file, const ImageReading& reading = {},
                         const std::string& name = "x") {
    return decode_image(file, 0, name, {.keep_16_bits = true, .reading = reading});
}

/// 16 bits of noise, none above `most`.
inline Image deep_noise(int width, int height, int channels, std::uint64_t seed, std::uint32_t most = 65535) {
    Image image(width, height, channels, 16);
    Random random(seed, Draw::bench);
    for (std::size_t i = 0; i < image.samples(); ++i)
        image.row16(0)[i] = static_cast<std::uint16_t>(random.below(most + 1));
    return image;
}

/// P5 or P6 of an image of 8 or 16 bits; `most` is what it calls white.
inline FileBytes encode_pnm(const Image& image, int most) {
    FileBytes bytes;
    put_text(bytes, std::string(image.channels == 1 ? "P5" : "P6") + "\n# by hand\n" + std::to_string(image.width) +
                        " " + std::to_string(image.height) + "\n" + std::to_string(most) + "\n");
    for (std::size_t i = 0; i < image.samples(); ++i)
        put_number(bytes, image.bits == 16 ? image.row16(0)[i] : image.pixels[i], most > 255 ? 2 : 1, true);
    return bytes;
}

inline std::uint32_t crc_of(const std::uint8_t* data, std::size_t size) {
    std::uint32_t crc = 0xFFFFFFFFU;
    for (std::size_t i = 0; i < size; ++i) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0xEDB88320U & (0U - (crc & 1U)));
    }
    return ~crc;
}

inline void put_png_chunk(FileBytes& png, const std::string& type, const FileBytes& data) {
    put_number(png, data.size(), 4, true);
    const std::size_t start = png.size();
    put_text(png, type);
    png.insert(png.end(), data.begin(), data.end());
    put_number(png, crc_of(png.data() + start, png.size() - start), 4, true);
}

/// The rows of an image as a zlib stream of stored blocks, each behind its filter's number 0.
inline FileBytes stored_rows(const Image& image) {
    FileBytes raw, packed{0x78, 0x01};
    for (int y = 0; y < image.height; ++y) {
        raw.push_back(0);
        for (std::size_t i = 0; i < image.row_samples(); ++i)
            put_number(raw, image.bits == 16 ? image.row16(y)[i] : image.row(y)[i], image.bits / 8, true);
    }
    for (std::size_t at = 0; at < raw.size(); at += 65535) {
        const std::size_t count = std::min<std::size_t>(65535, raw.size() - at);
        packed.push_back(at + count == raw.size() ? 1 : 0);
        put_number(packed, count, 2, false);
        put_number(packed, ~count & 0xFFFF, 2, false);
        packed.insert(packed.end(), raw.begin() + static_cast<std::ptrdiff_t>(at),
                      raw.begin() + static_cast<std::ptrdiff_t>(at + count));
    }
    std::uint32_t a = 1, b = 0;
    for (const std::uint8_t byte : raw) a = (a + byte) % 65521, b = (b + a) % 65521;
    put_number(packed, b << 16 | a, 4, true);
    return packed;
}

/// An EXIF block that says an orientation.
inline FileBytes exif_block(int orientation, bool big_endian) {
    FileBytes block;
    put_text(block, big_endian ? "MM" : "II");
    put_number(block, 42, 2, big_endian);
    put_number(block, 8, 4, big_endian);
    put_number(block, 1, 2, big_endian);
    for (const auto& [value, width] : {std::pair{0x0112, 2}, {3, 2}, {1, 4}, {orientation, 2}, {0, 2}, {0, 4}})
        put_number(block, static_cast<std::uint64_t>(value), width, big_endian);
    return block;
}

/// A PNG of an image of 8 or 16 bits; with an eXIf chunk where `orientation` is not 0.
inline FileBytes encode_deep_png(const Image& image, int orientation = 0) {
    FileBytes png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'}, header;
    put_number(header, static_cast<std::uint64_t>(image.width), 4, true);
    put_number(header, static_cast<std::uint64_t>(image.height), 4, true);
    for (const int v : {image.bits, image.channels == 1 ? 0 : 2, 0, 0, 0})
        header.push_back(static_cast<std::uint8_t>(v));
    put_png_chunk(png, "IHDR", header);
    if (orientation != 0) put_png_chunk(png, "eXIf", exif_block(orientation, orientation % 2 == 0));
    put_png_chunk(png, "IDAT", stored_rows(image));
    put_png_chunk(png, "IEND", {});
    return png;
}

/// What a TIFF is made of beside its samples.
struct TiffKind {
    int bits = 8, format = 1, photometric = 1;  ///< format: 1 unsigned, 2 signed, 3 floating-point
    bool planar = false, big_endian = false;
    int tile = 0;         ///< side of its tiles, a multiple of 16; 0: strips of three rows
    int orientation = 0;  ///< 0: the tag is left out
    int extra = -1;       ///< kind of the samples above what the photometric has; -1: none is said
    int subfile = 0;      ///< 1: a reduced image
};

/// Samples by number: (y * width + x) * channels + c, each its bits in the low ones.
struct TiffImage {
    int width, height, channels;
    std::vector<std::uint64_t> samples;
};

/// Packs samples of `kind.bits` bits of a block of rows, with zeros past the image.
inline FileBytes tiff_block(const TiffKind& kind, const TiffImage& image, int x, int y, int width, int height,
                            int channel) {
    FileBytes block;
    for (int row = y; row < y + height; ++row) {
        std::uint64_t pending = 0;
        int bits = 0;
        for (int column = x; column < x + width; ++column)
            for (int c = channel < 0 ? 0 : channel; c < (channel < 0 ? image.channels : channel + 1); ++c) {
                const bool inside = row < image.height && column < image.width;
                const std::uint64_t sample =
                    inside ? image.samples[static_cast<std::size_t>((row * image.width + column) * image.channels + c)]
                           : 0;
                if (kind.bits % 8 == 0) {
                    put_number(block, sample, kind.bits / 8, kind.big_endian);
                    continue;
                }
                pending = pending << kind.bits | sample;
                for (bits += kind.bits; bits >= 8; bits -= 8)
                    block.push_back(static_cast<std::uint8_t>(pending >> (bits - 8)));
            }
        if (bits > 0) block.push_back(static_cast<std::uint8_t>(pending << (8 - bits)));
    }
    return block;
}

/// The blocks of a page: strips or tiles, plane by plane where they are apart.
inline std::vector<FileBytes> tiff_blocks(const TiffKind& kind, const TiffImage& image) {
    std::vector<FileBytes> blocks;
    const int columns = kind.tile > 0 ? kind.tile : image.width, rows = kind.tile > 0 ? kind.tile : 3;
    for (int channel = kind.planar ? 0 : -1; channel < (kind.planar ? image.channels : 0); ++channel)
        for (int y = 0; y < image.height; y += rows)
            for (int x = 0; x < image.width; x += columns)
                blocks.push_back(tiff_block(kind, image, x, y, columns,
                                            kind.tile > 0 ? rows : std::min(rows, image.height - y), channel));
    return blocks;
}

/// A TIFF of pages, uncompressed.
class TiffWriter {
public:
    explicit TiffWriter(bool big_endian = false) : big_(big_endian) {
        put_text(file_, big_ ? "MM" : "II");
        put_number(file_, 42, 2, big_);
        next_ = file_.size();
        put_number(file_, 0, 4, big_);
    }

    void add(const TiffKind& kind, const TiffImage& image) {
        std::vector<std::uint32_t> offsets, sizes;
        for (const FileBytes& block : tiff_blocks(kind, image)) {
            offsets.push_back(static_cast<std::uint32_t>(file_.size()));
            sizes.push_back(static_cast<std::uint32_t>(block.size()));
            file_.insert(file_.end(), block.begin(), block.end());
        }
        const auto channels = static_cast<std::size_t>(image.channels);
        const std::size_t base = kind.photometric == 2 ? 3 : 1;
        const auto n = [](int v) { return std::vector<std::uint32_t>{static_cast<std::uint32_t>(v)}; };
        tags_ = {{254, 4, n(kind.subfile)},
                 {256, 4, n(image.width)},
                 {257, 4, n(image.height)},
                 {258, 3, std::vector<std::uint32_t>(channels, static_cast<std::uint32_t>(kind.bits))},
                 {259, 3, n(1)},
                 {262, 3, n(kind.photometric)}};
        if (kind.tile == 0) tags_.push_back({273, 4, offsets});
        if (kind.orientation != 0) tags_.push_back({274, 3, n(kind.orientation)});
        tags_.push_back({277, 3, n(image.channels)});
        if (kind.tile == 0) tags_.insert(tags_.end(), {{278, 4, n(3)}, {279, 4, sizes}});
        tags_.push_back({284, 3, n(kind.planar ? 2 : 1)});
        if (kind.tile > 0)
            tags_.insert(tags_.end(),
                         {{322, 4, n(kind.tile)}, {323, 4, n(kind.tile)}, {324, 4, offsets}, {325, 4, sizes}});
        if (kind.extra >= 0 && channels > base)
            tags_.push_back(
                {338, 3, std::vector<std::uint32_t>(channels - base, static_cast<std::uint32_t>(kind.extra))});
        tags_.push_back({339, 3, std::vector<std::uint32_t>(channels, static_cast<std::uint32_t>(kind.format))});
        write_directory();
    }
    const FileBytes& bytes() const { return file_; }

private:
    struct Tag {
        int tag, type;  // 3: u16, 4: u32
        std::vector<std::uint32_t> values;
    };

    void write_directory() {
        // Values that do not fit into an entry come before the directory.
        std::vector<std::uint32_t> places;
        for (const Tag& tag : tags_) {
            const int width = tag.type == 3 ? 2 : 4;
            if (file_.size() % 2 != 0) file_.push_back(0);
            places.push_back(static_cast<std::uint32_t>(file_.size()));
            if (tag.values.size() * static_cast<std::size_t>(width) > 4)
                for (const std::uint32_t value : tag.values) put_number(file_, value, width, big_);
        }
        if (file_.size() % 2 != 0) file_.push_back(0);
        FileBytes offset;
        put_number(offset, file_.size(), 4, big_);
        std::copy(offset.begin(), offset.end(), file_.begin() + static_cast<std::ptrdiff_t>(next_));
        put_number(file_, tags_.size(), 2, big_);
        for (std::size_t i = 0; i < tags_.size(); ++i) {
            const Tag& tag = tags_[i];
            const int width = tag.type == 3 ? 2 : 4;
            put_number(file_, static_cast<std::uint64_t>(tag.tag), 2, big_);
            put_number(file_, static_cast<std::uint64_t>(tag.type), 2, big_);
            put_number(file_, tag.values.size(), 4, big_);
            FileBytes own;
            if (tag.values.size() * static_cast<std::size_t>(width) > 4)
                put_number(own, places[i], 4, big_);
            else
                for (const std::uint32_t value : tag.values) put_number(own, value, width, big_);
            own.resize(4);
            file_.insert(file_.end(), own.begin(), own.end());
        }
        next_ = file_.size();
        put_number(file_, 0, 4, big_);
    }

    bool big_;
    FileBytes file_;
    std::size_t next_;
    std::vector<Tag> tags_;
};

inline FileBytes encode_tiff(const TiffKind& kind, const TiffImage& image) {
    TiffWriter writer(kind.big_endian);
    writer.add(kind, image);
    return writer.bytes();
}

/// Whether the build has libtiff.
inline bool reads_tiff() {
    try {
        return decode_deep(encode_tiff({}, {1, 1, 1, {7}})).pixels[0] == 7;
    } catch (const InputError&) {
        return false;
    }
}

/// The samples of an image of 8 or 16 bits.
inline TiffImage tiff_image(const Image& image) {
    TiffImage result{image.width, image.height, image.channels, {}};
    for (std::size_t i = 0; i < image.samples(); ++i)
        result.samples.push_back(image.bits == 16 ? image.row16(0)[i] : image.pixels[i]);
    return result;
}

/// Samples of floats as their bits.
inline TiffImage tiff_image(int width, int height, int channels, const std::vector<float>& values) {
    TiffImage result{width, height, channels, {}};
    for (const float value : values) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &value, sizeof(bits));
        result.samples.push_back(bits);
    }
    return result;
}

}  // namespace keel::test
