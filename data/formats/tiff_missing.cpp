// Stands in for tiff.cpp where the build has no libtiff.
#include "data/formats/optional_formats.h"

namespace keel {

const ImageFormat kTiffFormat{
    "TIFF", kTiffExtensions, is_tiff,
    [](ImageFormat::Bytes, const std::string& name) -> ImageHeader { lacking(name, "TIFF", "libtiff", "KEEL_TIFF"); },
    [](ImageFormat::Bytes, const ImageHeader&, const DecodeOptions&, const std::string& name) -> Image {
        lacking(name, "TIFF", "libtiff", "KEEL_TIFF");
    }};

}  // namespace keel
