#include "engine/text.h"

#include <cstddef>
#include <cstdint>

namespace keel {
namespace {

/// Bytes of the character that `text` begins with; 0 where it is none.
std::size_t character_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(text[i])}; };
    const std::uint32_t first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
    std::uint32_t code = first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80U) return 0;
        code = code << 6 | (byte(i) & 0x3FU);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    return code >= kLeast[length] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF) ? length : 0;
}

}  // namespace

bool printable(std::string_view text) {
    if (text.empty()) return false;
    while (!text.empty()) {
        const std::size_t length = character_bytes(text);
        const auto first = static_cast<unsigned char>(text[0]);
        if (length == 0 || first < 0x20 || first == 0x7F) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string excerpt(std::string_view text) {
    constexpr std::size_t kMost = 80;
    std::string shown;
    while (!text.empty()) {
        const std::size_t length = character_bytes(text), bytes = length == 0 ? 1 : length;
        if (shown.size() + bytes > kMost) return shown + "...";
        if (printable(text.substr(0, bytes)))
            shown += text.substr(0, bytes);
        else
            shown += '?';
        text.remove_prefix(bytes);
    }
    return shown;
}

}  // namespace keel
