// Names that people see, from files and folders.
#pragma once

#include <string>
#include <string_view>

namespace keel {

/// Whether `text` is UTF-8 (RFC 3629), not empty and without control characters: what tables, JSON and terminals take as it is.
bool printable(std::string_view text);

/// `text` as a message may show it: at most 80 bytes of it, `...` where it was cut, what is not printable as `?`.
std::string excerpt(std::string_view text);

}  // namespace keel
