#include "runs/energy/pseudo_file.h"

#include <charconv>

#include "data/formats/csv.h"
#include "engine/files.h"
#include "engine/patience.h"
#include "kernels/error.h"

namespace keel {

PseudoFile read_pseudo_file(const std::filesystem::path& file) {
    const PatienceScope at_once(0);  // a zone that went does not come back for waiting
    try {
        return {std::string(trimmed(read_file(file, 4096))), ""};
    } catch (const Error& error) {
        return {std::nullopt, error.what()};
    }
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace keel
