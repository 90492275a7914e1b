#include "distributed/collectives/bucket_plan.h"

#include <numeric>

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("every gradient lies in one bucket, in order, on a line of its own", "[buckets]") {
    const std::vector<std::int64_t> sizes{1, 16, 17, 1000, 0, 300'000, 5, 2'000'000, 64, 64, 64, 9};
    for (const std::int64_t bytes : {1LL, 4096LL, 1LL << 20, 1LL << 30}) {
        const BucketPlan plan = plan_buckets(sizes, bytes, bytes / 2);
        REQUIRE(plan.offsets.size() == sizes.size());
        std::int64_t item = 0, begin = 0;
        for (const Bucket& bucket : plan.buckets) {
            CHECK(bucket.first_item == item);
            CHECK(bucket.begin == begin);
            CHECK(bucket.items > 0);
            for (std::int64_t i = item; i < item + bucket.items; ++i) {
                const std::int64_t offset = plan.offsets[static_cast<std::size_t>(i)];
                CHECK(offset % kBucketAlignment == 0);
                CHECK(offset >= begin);
                CHECK(offset + sizes[static_cast<std::size_t>(i)] <= begin + bucket.elements);
                if (i > 0) {
                    const auto before = static_cast<std::size_t>(i - 1);
                    CHECK(offset >= plan.offsets[before] + sizes[before]);
                }
            }
            item += bucket.items;
            begin += bucket.elements;
        }
        CHECK(item == std::ssize(sizes));
        CHECK(begin == plan.elements);
    }
}

TEST_CASE("buckets are closed once they are large enough, the first one sooner", "[buckets]") {
    const std::vector<std::int64_t> sizes(10, 1024);  // 4 KiB each
    const BucketPlan plan = plan_buckets(sizes, 12 << 10, 4 << 10);
    std::vector<std::int64_t> items;
    for (const Bucket& bucket : plan.buckets) items.push_back(bucket.items);
    CHECK(items == std::vector<std::int64_t>{1, 3, 3, 3});
}

TEST_CASE("no gradients, no buckets", "[buckets]") {
    const BucketPlan plan = plan_buckets({});
    CHECK(plan.buckets.empty());
    CHECK(plan.elements == 0);
}
