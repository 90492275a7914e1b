#include "serve/dicom/identifiers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "engine/hash.h"

namespace keel::dicom_node {
namespace {

std::pair<std::uint64_t, std::uint64_t> hashes_of(std::string_view text) {
    return {Hash().add("a").add(text).value(), Hash().add("b").add(text).value()};
}

}  // namespace

std::string token_of(std::string_view text) {
    const auto [high, low] = hashes_of(text);
    return fmt::format("{:016x}{:016x}", high, low);
}

std::string derived_uid(std::string_view text) {
    auto [high, low] = hashes_of(text);
    high = (high & ~std::uint64_t{0xF000}) | 0x8000;  // version 8: what the bits mean is up to who makes them
    low = (low & ~(std::uint64_t{3} << 62)) | (std::uint64_t{2} << 62);  // the variant of RFC 9562
    std::string digits;
    for (unsigned __int128 rest = static_cast<unsigned __int128>(high) << 64 | low; rest != 0; rest /= 10)
        digits += static_cast<char>('0' + static_cast<int>(rest % 10));
    std::ranges::reverse(digits);
    return "2.25." + digits;
}

}  // namespace keel::dicom_node
