#include "data/formats/exif.h"

#include <algorithm>
#include <cstddef>

namespace keel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint32_t kOrientationTag = 0x0112, kShort = 3;

/// Numbers in the block's own order; 0 past its end.
struct Numbers {
    Bytes block;
    bool big_endian;

    std::uint32_t read(std::size_t at, std::size_t bytes) const {
        if (at > block.size() || bytes > block.size() - at) return 0;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | block[at + (big_endian ? i : bytes - 1 - i)];
        return value;
    }
};

}  // namespace

int exif_orientation(Bytes block) {
    constexpr std::uint8_t kName[] = {'E', 'x', 'i', 'f', 0, 0};
    if (block.size() >= sizeof(kName) && std::equal(kName, kName + sizeof(kName), block.begin()))
        block = block.subspan(sizeof(kName));
    if (block.size() < 8 || block[0] != block[1] || (block[0] != 'I' && block[0] != 'M')) return 1;
    const Numbers numbers{block, block[0] == 'M'};
    if (numbers.read(2, 2) != 42) return 1;
    const std::size_t directory = numbers.read(4, 4), entries = numbers.read(directory, 2);
    for (std::size_t i = 0; i < entries; ++i) {
        const std::size_t entry = directory + 2 + 12 * i;
        if (entry + 12 > block.size()) return 1;
        if (numbers.read(entry, 2) != kOrientationTag || numbers.read(entry + 2, 2) != kShort) continue;
        const std::uint32_t orientation = numbers.read(entry + 8, 2);
        return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
    }
    return 1;
}

}  // namespace keel
