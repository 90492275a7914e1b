// What is known of the formats whose decoders need a library that a build may lack: their names and first bytes. Where
// the library is missing, another file stands in for the decoder and says so.
#pragma once

#include <string_view>

#include "data/formats/image_format.h"
#include "kernels/error.h"

namespace keel {

inline constexpr const char* kTiffExtensions[] = {"tif", "tiff"};
inline constexpr const char* kWebpExtensions[] = {"webp"};
inline constexpr const char* kGifExtensions[] = {"gif"};

/// Both orders of bytes, and BigTIFF's.
inline bool is_tiff(ImageFormat::Bytes file) {
    using namespace std::string_view_literals;
    return begins_with(file, "II*\0"sv) || begins_with(file, "MM\0*"sv) || begins_with(file, "II+\0"sv) ||
           begins_with(file, "MM\0+"sv);
}
inline bool is_webp(ImageFormat::Bytes file) { return begins_with(file, "RIFF") && begins_with(file, "WEBP", 8); }
inline bool is_gif(ImageFormat::Bytes file) { return begins_with(file, "GIF87a") || begins_with(file, "GIF89a"); }

/// What reading a file of a format ends with that was built without `library`.
[[noreturn]] inline void lacking(const std::string& name, const char* format, const char* library, const char* option) {
    throw InputError("[decode] " + name + ": this build of Keel reads no " + format + ": it was made without " +
                     library + " (" + option + ")");
}

}  // namespace keel
