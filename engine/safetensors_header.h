// The JSON header of a safetensors file, checked to the last byte before anything is allocated by its numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace keel::safetensors {

/// What a file may hold, and the type it is read as.
enum class Encoding : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

struct EncodingTraits {
    std::string_view name;
    std::uint64_t bytes;
    DType read_as;
    bool verbatim;  ///< the bytes are those of read_as
};
const EncodingTraits& traits(Encoding encoding);

struct Entry {
    std::string name;
    Encoding encoding;
    Dims dims;
    std::uint64_t begin, end;  ///< bytes of the data section
};

struct Header {
    std::map<std::string, std::string> metadata;
    std::vector<Entry> entries;  ///< by offset; together they cover the data section exactly
};

/// Parses the header of a file with `data_bytes` bytes of data; see read_safetensors for the rules. Throws InputError,
/// without naming a file.
Header parse_header(std::string_view json, std::uint64_t data_bytes);

/// A name from a file, fit for a message: shortened, without control characters.
std::string shown(std::string_view name);

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

}  // namespace keel::safetensors
