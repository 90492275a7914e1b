#include "distributed/collectives/bucket_plan.h"

namespace keel {

BucketPlan plan_buckets(std::span<const std::int64_t> elements, std::int64_t bucket_bytes,
                        std::int64_t first_bucket_bytes) {
    BucketPlan plan;
    Bucket open{0, 0, 0, 0};
    for (const std::int64_t size : elements) {
        plan.offsets.push_back(open.begin + open.elements);
        open.elements += (size + kBucketAlignment - 1) / kBucketAlignment * kBucketAlignment;
        ++open.items;
        const std::int64_t enough = plan.buckets.empty() ? first_bucket_bytes : bucket_bytes;
        if (open.elements * static_cast<std::int64_t>(sizeof(float)) < enough) continue;
        plan.buckets.push_back(open);
        open = {open.first_item + open.items, 0, open.begin + open.elements, 0};
    }
    if (open.items > 0) plan.buckets.push_back(open);
    plan.elements = open.begin + open.elements;
    return plan;
}

}  // namespace keel
