// Bytes as text (RFC 4648, 4).
#pragma once

#include <string>
#include <string_view>

namespace keel {

std::string to_base64(std::string_view bytes);

/// Returns what base64 stands for, whether or not it is padded. Throws InputError for anything else.
std::string from_base64(std::string_view text);

}  // namespace keel
