// The bytes of a pack, as its writer and its reader see them. All numbers are little-endian, as they are in memory (x86-64).
#pragma once

#include <cstdint>
#include <string>

namespace keel::pack {

inline constexpr const char* kIndexName = "index.keelpack";
std::string shard_name(std::uint32_t number);  ///< shard-00000.keelpack

inline constexpr std::uint32_t kVersion = 1;
inline constexpr char kIndexMagic[] = "KEELPACK", kShardMagic[] = "KEELSHRD";
inline constexpr std::size_t kMagicBytes = 8;

/// The index begins with it. Behind it: a u64 a shard, its size in bytes; an IndexRecord a sample, by split; the texts: each
/// label's length (u32) and bytes, then each sample's name and patient; the XXH3-64 of all before.
struct IndexHeader {
    char magic[kMagicBytes] = {};
    std::uint32_t version;
    std::uint32_t task;      ///< 0 classes, 1 labels
    std::uint32_t channels;  ///< 1 or 3
    std::uint32_t side;      ///< of every picture; 0: they differ
    std::uint32_t labels, shards;
    std::uint64_t samples[3] = {};  ///< train, val, test
    std::uint64_t text_bytes;
};
static_assert(sizeof(IndexHeader) == 64);

struct IndexRecord {
    std::uint64_t offset;  ///< of the pixels in the shard
    std::uint64_t xxh3;    ///< XXH3-64 of the pixels
    std::uint64_t truth;   ///< classes: the class; labels: a bit for each
    std::uint32_t shard;
    std::uint32_t width, height;
    std::uint32_t name_bytes, patient_bytes;
    std::uint32_t reserved;  ///< 0
};
static_assert(sizeof(IndexRecord) == 48);

/// A shard begins with it; pixels follow without a gap.
struct ShardHeader {
    char magic[kMagicBytes] = {};
    std::uint32_t version, number;
};
static_assert(sizeof(ShardHeader) == 16);

inline constexpr std::int64_t kMaxIndexBytes = std::int64_t{1} << 30;
inline constexpr std::uint32_t kMaxShards = 65'536, kMaxClasses = 65'536, kMaxLabels = 64;

}  // namespace keel::pack
