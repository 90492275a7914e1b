// Text files as spreadsheets, databases and other systems write them, as UTF-8.
#pragma once

#include <cstdint>
#include <string>

namespace keel {

inline constexpr std::int64_t kMaxTextBytes = std::int64_t{1} << 28;

struct TextFile {
    std::string text{};       ///< UTF-8 without a byte-order mark
    std::string encoding{};   ///< what it was in the file: "UTF-8", "UTF-16 LE", "UTF-16 BE" or "ISO 8859-1"
    bool compressed = false;  ///< it was a gzip file
};

/// Reads a text of at most kMaxTextBytes, in the file and unpacked: UTF-8 or UTF-16 in either order, with its
/// byte-order mark or recognized by its zeros, packed by gzip or not. Bytes that are no UTF-8 are taken as ISO 8859-1.
/// Throws IoError if it cannot be read, InputError that names the file if it is too long, damaged or no text (UTF-32, a
/// zero byte).
TextFile read_text_file(const std::string& path);

}  // namespace keel
