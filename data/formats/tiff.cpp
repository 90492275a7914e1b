// TIFF, by libtiff: strips and tiles, planar or not, integers of 1 to 32 bits and floats, any compression that libtiff
// knows.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "data/formats/optional_formats.h"
#include "data/formats/tiff_file.h"

namespace keel {
namespace {

using Bytes = ImageFormat::Bytes;

/// Whether samples are levels of brightness, one after another; else colors that libtiff makes RGB of 8 bits of.
bool plain(const TiffPage& page) {
    return page.photometric == PHOTOMETRIC_MINISBLACK || page.photometric == PHOTOMETRIC_MINISWHITE ||
           page.photometric == PHOTOMETRIC_RGB;
}

int channels_of(const TiffPage& page) { return plain(page) ? static_cast<int>(page.kept.size()) : 3; }

ImageHeader header_of(const TiffPage& page) {
    const auto side = [](std::uint32_t v) { return static_cast<int>(std::min<std::uint32_t>(v, 1U << 30)); };
    return {side(page.width), side(page.height), page.samples, page.bits, channels_of(page)};
}

ImageHeader header(Bytes file, const std::string& name) { return header_of(TiffFile(file, name).open_page(0)); }

int orientation(Bytes file, const ImageReading& reading) {
    return TiffFile(file, "").open_page(reading.page).orientation;
}

/// The most bytes that one of a compressed file stands for.
std::uint64_t most_of_a_byte(std::uint16_t compression) {
    switch (compression) {
        case COMPRESSION_NONE:
            return 1;
        case COMPRESSION_PACKBITS:
            return 128;
        case COMPRESSION_LZW:
        case COMPRESSION_DEFLATE:
        case COMPRESSION_ADOBE_DEFLATE:
            return 4096;
        default:
            return 1 << 20;
    }
}

/// Reads a page's samples into rows of interleaved kept samples, in the file's own type.
class Samples {
public:
    Samples(const TiffFile& file, const TiffPage& page)
        : file_(file),
          page_(page),
          stored_(page.planar ? 1 : page.samples),
          bytes_((page.bits + 7U) / 8U),
          row_bytes_(std::size_t{page.width} * page.kept.size() * bytes_) {
        const std::uint64_t raw = (std::uint64_t{page.width} * page.samples * page.bits + 7) / 8 * page.height;
        if (raw / most_of_a_byte(page.compression) > file.size()) file.refuse("truncated TIFF file");
        rows_.resize(row_bytes_ * page.height);
        page.tiled ? read_tiles() : read_strips();
    }

    /// Returns the samples; of fewer bits than a byte or two has, each in one of its own.
    const std::vector<std::uint8_t>& rows() const { return rows_; }

private:
    int planes() const { return page_.planar ? static_cast<int>(page_.kept.size()) : 1; }

    void read_strips() {
        const tmsize_t length = TIFFScanlineSize(file_.handle());
        const std::size_t needed = (std::size_t{page_.width} * stored_ * page_.bits + 7) / 8;
        if (length <= 0 || static_cast<std::size_t>(length) < needed) file_.fail("damaged TIFF header");
        std::vector<std::uint8_t> line(static_cast<std::size_t>(length));
        for (int plane = 0; plane < planes(); ++plane) {
            const auto sample =
                static_cast<std::uint16_t>(page_.planar ? page_.kept[static_cast<std::size_t>(plane)] : 0);
            for (std::uint32_t y = 0; y < page_.height; ++y) {
                if (TIFFReadScanline(file_.handle(), line.data(), y, sample) != 1)
                    file_.fail("the TIFF's pixels are damaged");
                put(line.data(), page_.width, 0, y, plane);
            }
        }
    }

    void read_tiles() {
        std::uint32_t width = 0, height = 0;
        TIFFGetField(file_.handle(), TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(file_.handle(), TIFFTAG_TILELENGTH, &height);
        const tmsize_t size = TIFFTileSize(file_.handle()), length = TIFFTileRowSize(file_.handle());
        constexpr tmsize_t kMost = tmsize_t{1} << 30;
        const std::size_t needed = (std::size_t{width} * stored_ * page_.bits + 7) / 8;
        if (width == 0 || height == 0 || size <= 0 || size > kMost || static_cast<std::size_t>(length) < needed ||
            static_cast<std::uint64_t>(size) < std::uint64_t{height} * static_cast<std::uint64_t>(length))
            file_.fail("damaged TIFF header");
        if (static_cast<std::uint64_t>(size) / most_of_a_byte(page_.compression) > file_.size())
            file_.refuse("truncated TIFF file");
        std::vector<std::uint8_t> tile(static_cast<std::size_t>(size));
        for (int plane = 0; plane < planes(); ++plane)
            for (std::uint32_t y = 0; y < page_.height; y += height)
                for (std::uint32_t x = 0; x < page_.width; x += width) read_tile(tile, {x, y, width, height}, plane);
    }

    struct Rectangle {
        std::uint32_t x, y, width, height;
    };

    void read_tile(std::vector<std::uint8_t>& tile, const Rectangle& at, int plane) {
        const auto sample = static_cast<std::uint16_t>(page_.planar ? page_.kept[static_cast<std::size_t>(plane)] : 0);
        if (TIFFReadTile(file_.handle(), tile.data(), at.x, at.y, 0, sample) < 0)
            file_.fail("the TIFF's pixels are damaged");
        const std::size_t length = tile.size() / at.height;
        const std::uint32_t columns = std::min(at.width, page_.width - at.x),
                            lines = std::min(at.height, page_.height - at.y);
        for (std::uint32_t line = 0; line < lines; ++line)
            put(tile.data() + line * length, columns, at.x, at.y + line, plane);
    }

    /// Puts `columns` stored pixels to (x, y) of the rows.
    void put(const std::uint8_t* src, std::uint32_t columns, std::uint32_t x, std::uint32_t y, int plane) {
        const std::size_t kept = page_.kept.size();
        std::uint8_t* dst = rows_.data() + y * row_bytes_ + std::size_t{x} * kept * bytes_;
        if (page_.bits % 8 == 0 && kept == stored_) {
            std::memcpy(dst, src, columns * kept * bytes_);
            return;
        }
        for (std::size_t i = 0; i < columns; ++i)
            for (std::size_t c = 0; c < (page_.planar ? 1 : kept); ++c) {
                const std::size_t from = i * stored_ + (page_.planar ? 0 : static_cast<std::size_t>(page_.kept[c])),
                                  to = i * kept + (page_.planar ? static_cast<std::size_t>(plane) : c);
                if (page_.bits % 8 == 0)
                    std::memcpy(dst + to * bytes_, src + from * bytes_, bytes_);
                else
                    put_bits(src, from, dst + to * bytes_);
            }
    }

    /// Sample number `from` of a row of packed bits, the highest first.
    void put_bits(const std::uint8_t* src, std::size_t from, std::uint8_t* dst) const {
        std::uint16_t value = 0;
        for (std::size_t bit = from * page_.bits; bit < (from + 1) * page_.bits; ++bit)
            value = static_cast<std::uint16_t>(value << 1 | (src[bit / 8] >> (7 - bit % 8) & 1));
        if (bytes_ == 1)
            *dst = static_cast<std::uint8_t>(value);
        else
            std::memcpy(dst, &value, sizeof(value));
    }

    const TiffFile& file_;
    const TiffPage& page_;
    std::size_t stored_, bytes_, row_bytes_;
    std::vector<std::uint8_t> rows_;
};

/// Returns the samples, of type T, as floats of their own values.
template <class T>
Image as_floats(Image image, const std::vector<std::uint8_t>& rows) {
    float* dst = image.row_f(0);
    for (std::size_t i = 0; i < image.samples(); ++i) {
        T value;
        std::memcpy(&value, rows.data() + i * sizeof(T), sizeof(T));
        dst[i] = static_cast<float>(value);
    }
    return image;
}

/// Unsigned samples of up to 16 bits, whose largest value the number of bits says.
Image from_unsigned(const TiffPage& page, const std::vector<std::uint8_t>& rows, const ImageReading& reading,
                    const std::string& name) {
    const int width = static_cast<int>(page.width), height = static_cast<int>(page.height);
    Image image(width, height, channels_of(page), page.bits <= 8 ? 8 : 16);
    std::memcpy(image.pixels.data(), rows.data(), image.pixels.size());
    const int most = (1 << page.bits) - 1;
    if (page.bits < 8)
        for (std::uint8_t& v : image.pixels) v = static_cast<std::uint8_t>((v * 510 + most) / (2 * most));
    if (page.bits <= 8 || page.bits == 16 || !reading.rescale.empty())
        return brightness_of(std::move(image), reading, name);
    ImageReading own = reading;
    own.bit_depth = page.bits;
    return brightness_of(std::move(image), own, name);
}

Image from_plain(const TiffFile& file, const TiffPage& page, const ImageReading& reading, const std::string& name) {
    const Samples samples(file, page);
    if (page.format == SAMPLEFORMAT_UINT && page.bits <= 16) return from_unsigned(page, samples.rows(), reading, name);
    const auto floats = [&]<class T>(T) {
        const int width = static_cast<int>(page.width), height = static_cast<int>(page.height);
        return brightness_of(as_floats<T>(Image(width, height, channels_of(page), 32), samples.rows()), reading, name);
    };
    if (page.format == SAMPLEFORMAT_IEEEFP) return page.bits == 32 ? floats(float{}) : floats(double{});
    if (page.format == SAMPLEFORMAT_UINT) return floats(std::uint32_t{});
    return page.bits == 8 ? floats(std::int8_t{}) : page.bits == 16 ? floats(std::int16_t{}) : floats(std::int32_t{});
}

/// Palettes, inks, luminance and chrominance: RGB of 8 bits by libtiff.
Image from_colors(const TiffFile& file, const TiffPage& page) {
    Image image(static_cast<int>(page.width), static_cast<int>(page.height), 3);
    char message[1024] = "";
    TIFFRGBAImage colors;
    if (TIFFRGBAImageBegin(&colors, file.handle(), 1, message) == 0)
        file.refuse(std::string("TIFF: ") + (message[0] != '\0' ? message : "colors of an unknown kind"));
    const std::unique_ptr<TIFFRGBAImage, void (*)(TIFFRGBAImage*)> end(&colors, TIFFRGBAImageEnd);
    colors.req_orientation = colors.orientation;  // as stored: the caller turns it
    std::vector<std::uint32_t> raster(std::size_t{page.width} * page.height);
    if (TIFFRGBAImageGet(&colors, raster.data(), page.width, page.height) == 0)
        file.fail("the TIFF's pixels are damaged");
    for (std::size_t i = 0; i < raster.size(); ++i) {
        image.pixels[3 * i] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
        image.pixels[3 * i + 1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
        image.pixels[3 * i + 2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
    }
    return image;
}

Image inverted(Image image) {
    if (image.bits == 8)
        for (std::uint8_t& v : image.pixels) v = static_cast<std::uint8_t>(255 - v);
    for (std::size_t i = 0; i < image.samples() && image.bits == 16; ++i)
        image.row16(0)[i] = static_cast<std::uint16_t>(65535 - image.row16(0)[i]);
    for (std::size_t i = 0; i < image.samples() && image.bits == 32; ++i) image.row_f(0)[i] = 1 - image.row_f(0)[i];
    return image;
}

/// Throws InputError unless the samples are of a kind that is read.
void require_known(const TiffFile& file, const TiffPage& page) {
    const int bits = page.bits;
    const bool known = page.format == SAMPLEFORMAT_UINT     ? (bits >= 1 && bits <= 16) || bits == 32
                       : page.format == SAMPLEFORMAT_INT    ? bits == 8 || bits == 16 || bits == 32
                       : page.format == SAMPLEFORMAT_IEEEFP ? bits == 32 || bits == 64
                                                            : false;
    if (!known)
        file.refuse("a TIFF with samples of " + std::to_string(bits) + " bits and format " +
                    std::to_string(page.format) + "; integers of 1 to 16 and 32 bits and floats of 32 and 64 are read");
}

Image decode(Bytes bytes, const ImageHeader&, const DecodeOptions& options, const std::string& name) {
    TiffFile file(bytes, name);
    const ImageReading& reading = options.reading;
    if (reading.page == 0) {
        file.open_page(0);
        if (file.has_another()) file.refuse("a TIFF of several pages; page N says which is read");
        if (TIFFSetDirectory(file.handle(), 0) == 0) file.fail("damaged TIFF header");
    }
    const TiffPage page = file.open_page(reading.page);
    check_size(header_of(page), name);
    if (!plain(page)) return from_colors(file, page);
    require_known(file, page);
    Image image = from_plain(file, page, reading, name);
    return page.photometric == PHOTOMETRIC_MINISWHITE ? inverted(std::move(image)) : image;
}

}  // namespace

const ImageFormat kTiffFormat{"TIFF", kTiffExtensions, is_tiff, header, decode, orientation};

}  // namespace keel
