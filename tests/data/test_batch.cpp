#include "data/pipeline/batch.h"

#include "tests/support/catch.h"

using namespace keel;

namespace {

/// Three images of 2 x 2 in two channels, with two labels.
Batch three() {
    Batch batch;
    batch.n = 3;
    batch.image_size = batch.channels = 2;
    batch.planned = 5;
    for (int i = 0; i < 24; ++i) batch.images.push_back(static_cast<float>(i));
    batch.targets = {0, 1, kUnknownTarget, 1, 0, 0};
    batch.soft_targets = {0.5F, 0.25F, 0.125F, kUnknownTarget, 0, 1};
    batch.indices = {7, 8, 9};
    batch.names = {"a", "b", "c"};
    return batch;
}

}  // namespace

TEST_CASE("A batch as a tensor", "[batch]") {
    const Batch batch = three();
    const Tensor images = images_of(batch);
    CHECK(images.dims() == Dims{3, 2, 2, 2});
    CHECK(std::ranges::equal(images.values<float>(), batch.images));
}

TEST_CASE("A part of a batch holds what its samples hold", "[batch]") {
    const Batch part = part_of_batch(three(), 1, 2);
    CHECK((part.n == 2 && part.image_size == 2 && part.channels == 2 && part.planned == 5));
    REQUIRE(part.images.size() == 16);
    CHECK((part.images.front() == 8 && part.images.back() == 23));
    CHECK(part.targets == std::vector<float>{kUnknownTarget, 1, 0, 0});
    CHECK(part.soft_targets == std::vector<float>{0.125F, kUnknownTarget, 0, 1});
    CHECK(part.indices == std::vector<std::int64_t>{8, 9});
    CHECK(part.names == std::vector<std::string>{"b", "c"});
    CHECK(part.labels.empty());
}

TEST_CASE("A dummy batch is one black image of the same size", "[batch]") {
    const Batch dummy = dummy_batch(three(), 14);
    CHECK((dummy.n == 1 && dummy.image_size == 2 && dummy.channels == 2 && dummy.planned == 5));
    CHECK(std::ranges::equal(dummy.images, std::vector<float>(8, 0.0F)));
    CHECK(dummy.targets == std::vector<float>(14, 0.0F));
    CHECK(dummy.labels == std::vector<std::int32_t>{0});
    CHECK(dummy.soft_targets == std::vector<float>{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    Batch hard = three();
    hard.soft_targets.clear();
    CHECK(dummy_batch(hard, 14).soft_targets.empty());
    CHECK(part_of_batch(hard, 0, 1).soft_targets.empty());
}
