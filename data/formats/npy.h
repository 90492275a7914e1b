// numpy's .npy format, versions 1 to 3, integers only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keel {

struct NpyArray {
    char kind;       ///< 'u' unsigned, 'i' signed, 'b' bool
    int item_bytes;  ///< 1, 2, 4 or 8, little endian
    std::vector<std::int64_t> shape;
    std::vector<std::uint8_t> file;  ///< the whole file
    std::size_t data = 0;            ///< where the items begin in it, in C order

    std::int64_t size() const;
    /// Returns item i, 0 <= i < size(). Throws InputError for one above the range of int64.
    std::int64_t integer(std::int64_t i) const;
    const std::uint8_t* bytes() const { return file.data() + data; }
};

/// Returns the array in the bytes of a .npy file, which it takes over. Throws InputError unless it is little endian, in
/// C order, of integers, and exactly as long as its shape says; `name` is used in messages.
NpyArray parse_npy(std::vector<std::uint8_t> file, const std::string& name);

}  // namespace keel
