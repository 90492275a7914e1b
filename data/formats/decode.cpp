#include "data/formats/decode.h"

#include <algorithm>
#include <span>

#include <fmt/core.h>

#include "data/formats/jpeg.h"
#include "data/formats/png.h"
#include "data/formats/stb.h"
#include "engine/files.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kPngSignature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

bool is_png(Bytes b) { return b.size() >= 8 && std::equal(kPngSignature, kPngSignature + 8, b.begin()); }
bool is_jpeg(Bytes b) { return b.size() >= 3 && b[0] == 0xFF && b[1] == 0xD8 && b[2] == 0xFF; }
bool is_bmp(Bytes b) { return b.size() >= 14 && b[0] == 'B' && b[1] == 'M'; }

[[noreturn]] void bad(const std::string& name, const char* what) { throw InputError(fmt::format("[decode] {}: {}", name, what)); }

/// stb_image reads zeros behind the end of a BMP file; its header says how long the file is.
void check_bmp(Bytes b, const std::string& name) {
    const std::uint32_t length =
        std::uint32_t{b[2]} | std::uint32_t{b[3]} << 8 | std::uint32_t{b[4]} << 16 | std::uint32_t{b[5]} << 24;
    if (length > b.size()) bad(name, "truncated BMP file");
}

ImageHeader read_header(Bytes bytes, const std::string& name) {
    if (is_png(bytes)) return check_png(bytes, name);
    if (is_jpeg(bytes)) {
        const JpegFile file(bytes, name);
        return {file.width(), file.height(), file.channels(), 8};
    }
    if (!is_bmp(bytes)) bad(name, "neither PNG nor JPEG nor BMP");
    check_bmp(bytes, name);
    return stb_header(bytes, name);
}

Image decode_jpeg(Bytes bytes, LeastSize least, const std::string& name) {
    JpegFile file(bytes, name);
    for (const int reduce : {8, 4, 2}) {
        if (file.divisible(reduce) && file.width() / reduce >= least.width && file.height() / reduce >= least.height)
            return file.decode(reduce);
    }
    return file.decode(1);
}

Image decode_any(Bytes bytes, const ImageHeader& header, LeastSize least, const std::string& name) {
    if (is_jpeg(bytes)) return decode_jpeg(bytes, least, name);
    if (is_png(bytes)) {
        if (auto image = decode_png(bytes, name)) return std::move(*image);
    }
    return stb_decode(bytes, header, name);
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::string& path, std::int64_t limit) {
    const InputFile file(path);
    if (file.size() > static_cast<std::uint64_t>(limit))
        throw InputError(fmt::format("[read] {} has {} bytes, at most {} are allowed", path, file.size(), limit));
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(file.size()));
    file.read(0, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

ImageHeader probe_image(Bytes bytes, const std::string& name) {
    if (static_cast<std::int64_t>(bytes.size()) > kMaxImageFileBytes) bad(name, "file is too long");
    const ImageHeader header = read_header(bytes, name);
    if (header.width < 1 || header.height < 1 || header.width > kMaxImageSide || header.height > kMaxImageSide ||
        std::int64_t{header.width} * header.height > kMaxImagePixels) {
        throw InputError(fmt::format("[decode] {}: {} x {} pixels, at most {} a side and {} in all are allowed", name, header.width,
                                     header.height, kMaxImageSide, kMaxImagePixels));
    }
    return header;
}

Image decode_image(Bytes bytes, int channels, const std::string& name, LeastSize least) {
    Image image = decode_any(bytes, probe_image(bytes, name), least, name);
    return channels == 0 ? std::move(image) : convert_channels(std::move(image), channels, name);
}

Image load_image(const std::string& path, int channels, LeastSize least) {
    return decode_image(read_file(path, kMaxImageFileBytes), channels, path, least);
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
