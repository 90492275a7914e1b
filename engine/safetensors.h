// safetensors files (https://github.com/huggingface/safetensors): 8 bytes little-endian header length, a JSON header,
// the data.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/files.h"
#include "engine/tensor.h"

namespace keel {

/// What f32 tensors are written as; 16 bits are rounded to the nearest.
enum class StoredFloat { f32, f16, bf16 };

struct TensorFile {
    std::map<std::string, std::string> metadata;
    std::vector<NamedTensor> tensors;  ///< in the order of their data; plain layout
    StoredFloat floats = StoredFloat::f32;
};

/// The metadata key under which `write_safetensors` stores the XXH3-64 of the data section, 16 hex digits.
inline constexpr const char* kDataHashKey = "keel.xxh3";
/// Likewise the XXH3-64 of all before the data (the length and the header, its own digits taken as zeros).
inline constexpr const char* kHeaderHashKey = "keel.header_xxh3";

/// Reads F32, F64, I32, I8, U8 as they are, BOOL as u8, F16 and BF16 as f32, I16 and I64 as s32. Files are taken as
/// hostile: the header is valid JSON without duplicate or unknown keys, at most 100 MB; every tensor has a known type,
/// at most four dims (none becomes {1}) and exactly the bytes that these imply; the tensors cover the data without
/// overlap, hole or rest; I64 values fit 32 bits; hashes of data and header, where there are some, are right. Memory is
/// bounded by a small multiple of the file's size. Tensors whose names are not `wanted` count in all of this but the
/// range of I64 values, and are left out. Throws InputError, which names the file and the tensor, or IoError.
TensorFile read_safetensors(const std::filesystem::path& path,
                            const std::function<bool(const std::string&)>& wanted = {});

/// Returns a file's metadata, of which the header is checked as read_safetensors() does it, the data are not looked at.
std::map<std::string, std::string> read_metadata(const std::filesystem::path& path);

/// Writes the tensors (converted to plain layout; sorted by element size, then name) and the hashes. The file appears
/// under its name only when it is complete and on disk; whatever fails (IoError), an older file stays as it was. Throws
/// UsageError for two tensors of one name, text that is not UTF-8, or a
/// number that half precision cannot hold.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);
/// Writes the file and leaves the commit to the caller.
void write_safetensors(AtomicFile& output, const TensorFile& file);

}  // namespace keel
