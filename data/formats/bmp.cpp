// BMP, by stb_image.
#include "data/formats/image_format.h"
#include "data/formats/stb.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Bytes = ImageFormat::Bytes;

constexpr const char* kExtensions[] = {"bmp"};

bool matches(Bytes b) { return b.size() >= 14 && b[0] == 'B' && b[1] == 'M'; }

/// stb_image reads zeros past the end of a BMP file; its header says how long the file is.
ImageHeader header(Bytes b, const std::string& name) {
    const std::uint32_t length =
        std::uint32_t{b[2]} | std::uint32_t{b[3]} << 8 | std::uint32_t{b[4]} << 16 | std::uint32_t{b[5]} << 24;
    if (length > b.size()) throw InputError("[decode] " + name + ": truncated BMP file");
    return stb_header(b, name);
}

}  // namespace

const ImageFormat kBmpFormat{"BMP", kExtensions, matches, header, stb_decode};

}  // namespace keel
