#include "data/formats/decode.h"

#include <utility>

#include <fmt/core.h>

#include "engine/files.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Bytes = std::span<const std::uint8_t>;

const ImageFormat& format_of(Bytes bytes, const std::string& name) {
    if (static_cast<std::int64_t>(bytes.size()) > kMaxImageFileBytes)
        throw InputError(fmt::format("[decode] {}: file is too long", name));
    const ImageFormat* format = find_image_format(bytes);
    if (format == nullptr)
        throw InputError(fmt::format("[decode] {}: neither {}", name, image_format_names(" nor ", " nor ")));
    return *format;
}

ImageHeader read_header(const ImageFormat& format, Bytes bytes, const std::string& name) {
    ImageHeader header = format.header(bytes, name);
    if (header.decoded == 0) header.decoded = header.channels <= 2 ? 1 : 3;
    check_size(header, name);
    return header;
}

int orientation_of(const ImageFormat& format, Bytes bytes, const ImageReading& reading) {
    return format.orientation == nullptr ? 1 : format.orientation(bytes, reading);
}

}  // namespace

void check_size(const ImageHeader& header, const std::string& name) {
    if (header.width < 1 || header.height < 1 || header.width > kMaxImageSide || header.height > kMaxImageSide ||
        std::int64_t{header.width} * header.height > kMaxImagePixels)
        throw InputError(fmt::format("[decode] {}: {} x {} pixels, at most {} a side and {} in all are allowed", name,
                                     header.width, header.height, kMaxImageSide, kMaxImagePixels));
    // As many samples as the largest RGBA image has: many channels cost no more memory than many pixels.
    if (std::int64_t{header.width} * header.height * header.decoded > 4 * kMaxImagePixels)
        throw InputError(fmt::format("[decode] {}: {} x {} pixels in {} channels, at most {} samples are allowed", name,
                                     header.width, header.height, header.decoded, 4 * kMaxImagePixels));
}

std::vector<std::uint8_t> read_bytes(const std::string& path, std::int64_t limit) {
    const InputFile file(path);
    if (file.size() > static_cast<std::uint64_t>(limit))
        throw InputError(fmt::format("[read] {} has {} bytes, at most {} are allowed", path, file.size(), limit));
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(file.size()));
    file.read(0, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

ImageHeader probe_image(Bytes bytes, const std::string& name) {
    return read_header(format_of(bytes, name), bytes, name);
}

int probe_orientation(Bytes bytes, const std::string& name, const ImageReading& reading) {
    const ImageFormat& format = format_of(bytes, name);
    read_header(format, bytes, name);
    return orientation_of(format, bytes, reading);
}

Image decode_image(Bytes bytes, int channels, const std::string& name, const DecodeOptions& options) {
    const ImageFormat& format = format_of(bytes, name);
    const ImageHeader header = read_header(format, bytes, name);
    const int orientation = options.reading.exif_rotation ? orientation_of(format, bytes, options.reading) : 1;
    DecodeOptions stored = options;
    if (orientation >= 5) std::swap(stored.least.width, stored.least.height);
    Image image = format.decode(bytes, header, stored, name);
    if (!options.keep_16_bits || !options.reading.keep_16_bits) image = to_8_bits(std::move(image));
    image = turned(std::move(image), orientation);
    return channels == 0 ? std::move(image) : convert_channels(std::move(image), channels, name);
}

Image load_image(const std::string& path, int channels, const DecodeOptions& options) {
    return decode_image(read_bytes(path, kMaxImageFileBytes), channels, path, options);
}

}  // namespace keel
