#include "tests/data/stb_oracle.h"

// A whole stb_image of its own: the library's has no JPEG.
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

// For tests/data/files.h.
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

namespace keel::test {

Image stb_image(std::span<const std::uint8_t> file) {
    int width = 0, height = 0, stored = 0;
    const int length = static_cast<int>(file.size());
    const bool wide = stbi_is_16_bit_from_memory(file.data(), length) != 0;
    void* pixels = wide ? static_cast<void*>(stbi_load_16_from_memory(file.data(), length, &width, &height, &stored, 0))
                        : stbi_load_from_memory(file.data(), length, &width, &height, &stored, 0);
    if (pixels == nullptr) return {};
    Image image(width, height, stored <= 2 ? 1 : 3);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
        const auto kept = static_cast<std::size_t>(image.channels),
                   at = i / kept * static_cast<std::size_t>(stored) + i % kept;
        image.pixels[i] = wide ? static_cast<std::uint8_t>((static_cast<stbi_us*>(pixels)[at] * 255U + 32767U) / 65535U)
                               : static_cast<stbi_uc*>(pixels)[at];
    }
    stbi_image_free(pixels);
    return image;
}

}  // namespace keel::test
