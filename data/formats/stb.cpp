#include "data/formats/stb.h"

#include <memory>

#include "kernels/error.h"

#define STBI_NO_STDIO
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_MAX_DIMENSIONS 16384
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

namespace keel {
namespace {

[[noreturn]] void bad(const std::string& name, const char* what) { throw InputError("[decode] " + name + ": " + what); }

struct Free {
    void operator()(void* pixels) const { stbi_image_free(pixels); }
};
template <class T>
using Pixels = std::unique_ptr<T[], Free>;

/// Copies the first `kept` of `stored` interleaved channels of each pixel.
template <class Sample>
void copy_channels(const Sample* src, int stored, std::size_t pixels, int kept, Sample* dst) {
    for (std::size_t p = 0; p < pixels; ++p, src += stored, dst += kept)
        for (int c = 0; c < kept; ++c) dst[c] = src[c];
}

void append(void* bytes, void* data, int size) {
    auto& all = *static_cast<std::vector<std::uint8_t>*>(bytes);
    all.insert(all.end(), static_cast<std::uint8_t*>(data), static_cast<std::uint8_t*>(data) + size);
}

[[noreturn]] void cannot_encode(const Image& image) {
    throw Error("[encode] cannot encode an image of " + std::to_string(image.width) + " x " +
                std::to_string(image.height));
}

void require_8_bits(const Image& image) {
    if (image.bits != 8) throw UsageError("[encode] wanted an image of 8 bits, got " + std::to_string(image.bits));
}

}  // namespace

ImageHeader stb_header(std::span<const std::uint8_t> file, const std::string& name) {
    ImageHeader header{0, 0, 0, 8};
    if (stbi_info_from_memory(file.data(), static_cast<int>(file.size()), &header.width, &header.height,
                              &header.channels) == 0)
        bad(name, stbi_failure_reason());
    return header;
}

Image stb_decode(std::span<const std::uint8_t> file, const ImageHeader& header, const DecodeOptions& options,
                 const std::string& name) {
    int width = 0, height = 0, stored = 0;
    const int length = static_cast<int>(file.size());
    const auto check = [&](const void* pixels, int bits) {
        if (pixels == nullptr) bad(name, stbi_failure_reason());
        if (width != header.width || height != header.height) bad(name, "decoded size differs from the header's");
        return Image(width, height, stored <= 2 ? 1 : 3, bits);  // without alpha
    };
    const auto count = [&] { return static_cast<std::size_t>(width) * static_cast<std::size_t>(height); };
    if (header.bits == 16) {
        const Pixels<stbi_us> pixels(stbi_load_16_from_memory(file.data(), length, &width, &height, &stored, 0));
        Image image = check(pixels.get(), 16);
        copy_channels<std::uint16_t>(pixels.get(), stored, count(), image.channels, image.row16(0));
        return brightness_of(std::move(image), options.reading, name);
    }
    const Pixels<stbi_uc> pixels(stbi_load_from_memory(file.data(), length, &width, &height, &stored, 0));
    Image image = check(pixels.get(), 8);
    copy_channels<std::uint8_t>(pixels.get(), stored, count(), image.channels, image.row(0));
    return image;
}

std::vector<std::uint8_t> encode_png(const Image& image) {
    require_8_bits(image);
    std::vector<std::uint8_t> bytes;
    if (stbi_write_png_to_func(append, &bytes, image.width, image.height, image.channels, image.pixels.data(),
                               static_cast<int>(image.row_bytes())) == 0)
        cannot_encode(image);
    return bytes;
}

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
    require_8_bits(image);
    std::vector<std::uint8_t> bytes;
    if (stbi_write_jpg_to_func(append, &bytes, image.width, image.height, image.channels, image.pixels.data(),
                               quality) == 0)
        cannot_encode(image);
    return bytes;
}

}  // namespace keel
