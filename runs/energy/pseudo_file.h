// Short files of /sys, which may go while they are read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace keel {

/// What a short file holds, without the white space around it, or why it cannot be read.
struct PseudoFile {
    std::optional<std::string> text{};
    std::string refusal{};
};

/// Reads up to 4096 bytes, without patience for storage.
PseudoFile read_pseudo_file(const std::filesystem::path& file);

/// Returns the whole number, of 0 and more, that all of a text is; none for anything else and for what 64 bits do not
/// hold.
std::optional<std::uint64_t> whole_number(std::string_view text);

}  // namespace keel
