// The bytes of a pack, as its writer and its reader see them. All numbers are little-endian, as they are in memory
// (x86-64).
#pragma once

#include <cstdint>
#include <string>

namespace keel::pack {

inline constexpr const char* kIndexName = "index.keelpack";
inline constexpr const char* kTargetsKey = "targets";  ///< of the index's JSON: true where there is a table of them
/// Returns the name of a shard's file: shard-00000.keelpack.
std::string shard_name(std::uint32_t number);

/// Version 2 of the index says what version 1 takes for granted: labels or classes that are not known, samples of 16
/// bits, other numbers of channels than 1 and 3. Version 3 says how the images' files were read, which is old_reading()
/// in those before (engine/image_reading.h), and has images of floats. What needs none of it is written as a lower one.
inline constexpr std::uint32_t kPlainVersion = 1, kDeepVersion = 2, kVersion = 3, kShardVersion = 1;
inline constexpr char kIndexMagic[] = "KEELPACK", kShardMagic[] = "KEELSHRD";
inline constexpr std::size_t kMagicBytes = 8;

/// The index begins with it. After it: a u64 a shard, its size in bytes; an IndexRecord a sample, by split, from
/// version 2 on each followed by a u64, a bit for each label that is known; the texts: from version 3 on the length
/// (u32) and bytes of a JSON object, how the images were read and whether there is a table of targets; each label's
/// length (u32) and bytes, then each sample's name and patient; the XXH3-64 of all before.
struct IndexHeader {
    char magic[kMagicBytes] = {};
    std::uint32_t version;
    std::uint32_t task;      ///< 0 classes, 1 labels
    std::uint32_t channels;  ///< version 1: 1 or 3; later ones: 1 to kMaxChannels
    std::uint32_t side;      ///< of every image; 0: they differ
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
    std::uint32_t bits;  ///< of a sample: version 1: 0, which means 8; version 2: 8 or 16; version 3: or 32, floats
};
static_assert(sizeof(IndexRecord) == 48);

/// Returns the bytes of a sample's record in an index of `version`.
constexpr std::size_t record_bytes(std::uint32_t version) {
    return sizeof(IndexRecord) + (version == kPlainVersion ? 0 : sizeof(std::uint64_t));
}

/// Returns the bytes of an image's pixels. No overflow: sides and channels are within their limits.
constexpr std::uint64_t pixel_bytes(const IndexRecord& r, std::uint64_t channels) {
    return std::uint64_t{r.width} * r.height * channels * (r.bits <= 8 ? 1 : r.bits / 8);
}

/// A shard begins with it; pixels follow without a gap.
struct ShardHeader {
    char magic[kMagicBytes] = {};
    std::uint32_t version, number;
};
static_assert(sizeof(ShardHeader) == 16);

inline constexpr std::int64_t kMaxIndexBytes = std::int64_t{1} << 30;
inline constexpr std::uint32_t kMaxShards = 65'536, kMaxClasses = 65'536, kMaxChannels = 64;

}  // namespace keel::pack
