// How gradients are laid out in buckets, the units in which they are summed over the ranks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace keel {

/// Consecutive items; elements include the gaps that align each item.
struct Bucket {
    std::int64_t first_item, items;
    std::int64_t begin, elements;  ///< in the memory of all buckets
};

struct BucketPlan {
    std::vector<Bucket> buckets;
    std::vector<std::int64_t> offsets;  ///< of each item in the memory of all buckets, in elements
    std::int64_t elements = 0;          ///< of that memory
};

constexpr std::int64_t kBucketAlignment = 16;  ///< elements: one line of the caches, one AVX-512 vector
constexpr std::int64_t kBucketBytes = 8 << 20;
constexpr std::int64_t kFirstBucketBytes = 1 << 20;

/// `elements` are the sizes of the gradients (f32) in the order in which backward completes them. A bucket is closed
/// once it holds `bucket_bytes`, the first one sooner, so that the wire has work early. An item larger than that is a
/// bucket of its own size. A pure function: equal on all ranks.
BucketPlan plan_buckets(std::span<const std::int64_t> elements, std::int64_t bucket_bytes = kBucketBytes,
                        std::int64_t first_bucket_bytes = kFirstBucketBytes);

}  // namespace keel
