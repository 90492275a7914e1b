// Stands in for webp.cpp where the build has no libwebp.
#include "data/formats/optional_formats.h"

namespace keel {

const ImageFormat kWebpFormat{
    "WebP", kWebpExtensions, is_webp,
    [](ImageFormat::Bytes, const std::string& name) -> ImageHeader { lacking(name, "WebP", "libwebp", "KEEL_WEBP"); },
    [](ImageFormat::Bytes, const ImageHeader&, const DecodeOptions&, const std::string& name) -> Image {
        lacking(name, "WebP", "libwebp", "KEEL_WEBP");
    }};

}  // namespace keel
