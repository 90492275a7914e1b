// Names that people see, from files and folders.
#pragma once

#include <string_view>

namespace keel {

/// Whether `text` is UTF-8 (RFC 3629), not empty and without control characters: what tables, JSON and terminals take as it is.
bool printable(std::string_view text);

}  // namespace keel
