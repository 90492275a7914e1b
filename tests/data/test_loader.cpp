#include "data/pipeline/loader.h"

#include <chrono>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernels/error.h"
#include "tests/data/epochs.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("An epoch is the same for any number of workers, bad images included") {
    for (const std::set<std::int64_t>& bad : {std::set<std::int64_t>{}, std::set<std::int64_t>{0, 5, 6, 7, 41, 99}}) {
        const FakeDataset data(100, bad);
        LoaderOptions options = base_options();
        options.workers = 1;
        const Epoch one = run_epoch(data, options);
        CHECK(one.indices.size() == 100 - bad.size());
        CHECK(one.bad.size() == bad.size());
        CHECK(std::set<std::int64_t>(one.indices.begin(), one.indices.end()).size() == one.indices.size());
        for (std::size_t i = 0; i + 1 < one.sizes.size(); ++i) CHECK(one.sizes[i] == 8);  // stays full
        for (int workers : {2, 4}) {
            options.workers = workers;
            CHECK(run_epoch(data, options) == one);
        }
    }
}

TEST_CASE("Batches hold what their samples hold") {
    const FakeDataset data(10, {}, Task::classes), multi(10, {});
    LoaderOptions options = base_options();
    options.shuffle = false;
    Batch batch;
    Loader loader(data, options);
    CHECK(loader.batch_count() == 2);
    REQUIRE(loader.next(batch));
    CHECK(reinterpret_cast<std::uintptr_t>(batch.images.data()) % 64 == 0);
    CHECK(batch.images.size() == 8 * 8 * 8);
    CHECK(batch.targets.empty());
    for (std::size_t i = 0; i < 8; ++i) {
        CHECK(batch.indices[i] == static_cast<std::int64_t>(i));
        CHECK(batch.labels[i] == static_cast<std::int32_t>(i % 3));
        CHECK(batch.names[i] == "sample" + std::to_string(i));
        std::vector<float> want(64);
        transform_image(data.load(Split::train, batch.indices[i]), options.transform,
                        draw_augmentation(options.transform, options.seed, options.epoch, i), want.data());
        CHECK(std::memcmp(want.data(), batch.images.data() + 64 * i, 64 * sizeof(float)) == 0);
    }
    REQUIRE(loader.next(batch));
    CHECK(batch.n == 2);
    CHECK_FALSE(loader.next(batch));
    CHECK_FALSE(loader.next(batch));

    Loader labels(multi, options);
    REQUIRE(labels.next(batch));
    CHECK(batch.labels.empty());
    for (std::size_t i = 0; i < 24; ++i) CHECK(batch.targets[i] == static_cast<float>(i / 3 >> i % 3 & 1U));
    REQUIRE(labels.next(batch));
    CHECK(batch.targets == std::vector<float>{0, 0, 0, 1, kUnknownTarget, 0});  // samples 8 and 9
}

TEST_CASE("An epoch resumed behind any batch is the tail of the whole one") {
    const FakeDataset data(50, {3, 17, 30, 31});
    LoaderOptions options = base_options();
    const Epoch whole = run_epoch(data, options);
    std::size_t delivered = 0;
    for (std::size_t b = 0; b < whole.sizes.size(); ++b) {
        delivered += static_cast<std::size_t>(whole.sizes[b]);
        options.start_sample = whole.resume_at[b];
        const Epoch tail = run_epoch(data, options);
        CHECK(tail.indices ==
              std::vector(whole.indices.begin() + static_cast<std::ptrdiff_t>(delivered), whole.indices.end()));
        CHECK(tail.images ==
              std::vector(whole.images.begin() + static_cast<std::ptrdiff_t>(64 * delivered), whole.images.end()));
    }
}

TEST_CASE("The last batch is kept or dropped") {
    const FakeDataset data(20, {});
    LoaderOptions options = base_options();
    CHECK(run_epoch(data, options).sizes == std::vector<std::int64_t>{8, 8, 4});
    options.drop_last = true;
    CHECK(run_epoch(data, options).sizes == std::vector<std::int64_t>{8, 8});
    options.split = Split::val;
    CHECK(run_epoch(data, options).sizes.empty());
}

TEST_CASE("More bad images than max_bad end the epoch at the same place for any number of workers") {
    const FakeDataset data(100, {10, 20, 30, 40, 50});
    LoaderOptions options = base_options();
    options.max_bad = 0.05;
    CHECK(run_epoch(data, options).error.empty());
    options.max_bad = 0.041;  // rounded up to 5
    CHECK(run_epoch(data, options).error.empty());
    options.max_bad = 0.04;
    options.workers = 1;
    const Epoch one = run_epoch(data, options);
    CHECK(one.error.find("5 of 100 train images are bad, at most 4 (4 %) are allowed") != std::string::npos);
    CHECK(one.bad.size() == 5);
    options.workers = 4;
    CHECK(run_epoch(data, options) == one);
    options.max_bad = 0.0;
    CHECK(run_epoch(data, options).bad.size() == 1);
}

TEST_CASE("Memory is bounded by prefetch") {
    const FakeDataset data(2000, {});
    LoaderOptions options = base_options();
    options.prefetch = 3;
    options.workers = 2;
    Loader loader(data, options);
    Batch batch;
    REQUIRE(loader.next(batch));
    // Nobody takes another batch: what was asked for comes to rest at the batch taken, prefetch batches more, and the
    // pipeline's 2 * workers samples.
    int before = -1;
    while (before != data.loads) {
        before = data.loads;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    CHECK(data.loads <= 8 * (1 + 3) + 4);
    CHECK(data.loads >= 8);
}

TEST_CASE("A loader may be destroyed at any time") {
    const FakeDataset data(500, {1, 2, 3});
    LoaderOptions options = base_options();
    for (int taken = 0; taken < 6; ++taken) {
        options.prefetch = 1 + taken % 3;
        options.workers = 1 + taken % 4;
        Loader loader(data, options);
        Batch batch;
        for (int i = 0; i < taken; ++i) CHECK(loader.next(batch));
    }
}

TEST_CASE("Two loaders at once do not wait for each other") {
    const FakeDataset data(64, {});
    LoaderOptions options = base_options();
    options.prefetch = 1;
    Loader first(data, options);
    Batch batch;
    REQUIRE(first.next(batch));
    CHECK(run_epoch(data, options).sizes.size() == 8);
    int rest = 0;
    while (first.next(batch)) ++rest;
    CHECK(rest == 7);
}

TEST_CASE("Loader options outside their range are refused") {
    const FakeDataset data(10, {});
    const auto refused = [&](auto change) {
        LoaderOptions options = base_options();
        change(options);
        CHECK_THROWS_AS(Loader(data, options), UsageError);
    };
    refused([](LoaderOptions& o) { o.batch_size = 0; });
    refused([](LoaderOptions& o) { o.workers = 0; });
    refused([](LoaderOptions& o) { o.prefetch = 0; });
    refused([](LoaderOptions& o) { o.start_sample = 11; });
    refused([](LoaderOptions& o) { o.max_bad = NAN; });
    refused([](LoaderOptions& o) { o.transform.image_size = -1; });
}

TEST_CASE("Ranks share an epoch: every image once, bad ones make a batch smaller, as many batches for all") {
    const FakeDataset data(21, {3, 16, 17, 18, 19, 20});
    for (const int ranks : {2, 3}) {
        std::vector<int> seen(21);
        std::vector<std::vector<std::int64_t>> nexts;
        for (int rank = 0; rank < ranks; ++rank) {
            LoaderOptions options = base_options();
            options.batch_size = 4;
            options.max_bad = 1;
            options.shard = {rank, ranks};
            Loader loader(data, options);
            auto& next = nexts.emplace_back();
            std::int64_t planned = 0;
            for (Batch batch; loader.next(batch);) {
                for (const std::int64_t index : batch.indices) ++seen[static_cast<std::size_t>(index)];
                next.push_back(batch.next_sample);
                planned += batch.planned;
                CHECK(batch.n == std::ssize(batch.indices));
                CHECK(batch.n <= 4);
            }
            CHECK(planned == 21);
            CHECK(std::ssize(next) == loader.batch_count());
        }
        for (const auto& next : nexts) CHECK(next == nexts[0]);
        CHECK(nexts[0].back() == 21);
        for (std::size_t i = 0; i < 21; ++i) CHECK(seen[i] == (i == 3 || i >= 16 ? 0 : 1));
    }
}
