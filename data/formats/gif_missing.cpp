// Stands in for gif.cpp where the build has no giflib.
#include "data/formats/optional_formats.h"

namespace keel {

const ImageFormat kGifFormat{
    "GIF", kGifExtensions, is_gif,
    [](ImageFormat::Bytes, const std::string& name) -> ImageHeader { lacking(name, "GIF", "giflib", "KEEL_GIF"); },
    [](ImageFormat::Bytes, const ImageHeader&, const DecodeOptions&, const std::string& name) -> Image {
        lacking(name, "GIF", "giflib", "KEEL_GIF");
    }};

}  // namespace keel
