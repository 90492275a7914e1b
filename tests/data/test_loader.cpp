#include "data/pipeline/loader.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

/// Images made from their number; every one whose number is in `bad` fails to load. Counts how many were asked for.
class FakeDataset : public Dataset {
public:
    FakeDataset(std::int64_t n, std::set<std::int64_t> bad, Task task = Task::labels)
        : Dataset(make(n, task)), bad_(std::move(bad)) {}
    mutable std::atomic<int> loads{0};

protected:
    Image read(const Sample& sample, LeastSize) const override {
        ++loads;
        if (bad_.contains(sample.record)) throw InputError("[fake] " + sample.name + " is bad");
        return noise_image(9 + static_cast<int>(sample.record % 5), 11, 1, static_cast<std::uint64_t>(sample.record));
    }

private:
    static DatasetContents make(std::int64_t n, Task task) {
        DatasetContents contents;
        contents.task = task;
        contents.label_names = {"a", "b", "c"};
        for (std::int64_t i = 0; i < n; ++i) {
            Sample& sample = contents.splits[0].emplace_back();
            sample.name = "sample" + std::to_string(i);
            sample.record = i;
            sample.label = task == Task::classes ? static_cast<std::int32_t>(i % 3) : -1;
            sample.mask = task == Task::labels ? static_cast<std::uint64_t>(i) % 8 : 0;
            if (i % 10 == 9) sample.known = ~std::uint64_t{0b010};  // of every tenth the second label is not
        }
        return contents;
    }
    std::set<std::int64_t> bad_;
};

LoaderOptions base_options() {
    LoaderOptions options;
    options.transform = {
        .image_size = 8, .augment = true, .rotate_degrees = 10, .shift = 0.1F, .scale_min = 0.5F, .brightness = 0.1F};
    options.batch_size = 8;
    options.shuffle = true;
    options.seed = 3;
    options.epoch = 1;
    options.max_bad = 1.0;
    return options;
}

/// All that an epoch delivers.
struct Epoch {
    std::vector<std::int64_t> indices, sizes, resume_at;
    std::vector<float> images, targets;
    std::vector<std::string> bad;
    std::string error;
    bool operator==(const Epoch&) const = default;
};

Epoch run(const Dataset& data, LoaderOptions options) {
    Epoch epoch;
    options.on_bad_image = [&](const BadImage& bad) { epoch.bad.push_back(bad.name); };
    Loader loader(data, options);
    Batch batch;
    try {
        while (loader.next(batch)) {
            epoch.sizes.push_back(batch.n);
            epoch.resume_at.push_back(batch.next_sample);
            epoch.indices.insert(epoch.indices.end(), batch.indices.begin(), batch.indices.end());
            epoch.images.insert(epoch.images.end(), batch.images.begin(), batch.images.end());
            epoch.targets.insert(epoch.targets.end(), batch.targets.begin(), batch.targets.end());
        }
    } catch (const InputError& error) {
        epoch.error = error.what();
    }
    return epoch;
}

}  // namespace

TEST_CASE("An epoch is the same for any number of workers, bad images included") {
    for (const std::set<std::int64_t>& bad : {std::set<std::int64_t>{}, std::set<std::int64_t>{0, 5, 6, 7, 41, 99}}) {
        const FakeDataset data(100, bad);
        LoaderOptions options = base_options();
        options.workers = 1;
        const Epoch one = run(data, options);
        CHECK(one.indices.size() == 100 - bad.size());
        CHECK(one.bad.size() == bad.size());
        CHECK(std::set<std::int64_t>(one.indices.begin(), one.indices.end()).size() == one.indices.size());
        for (std::size_t i = 0; i + 1 < one.sizes.size(); ++i) CHECK(one.sizes[i] == 8);  // stays full
        for (int workers : {2, 4}) {
            options.workers = workers;
            CHECK(run(data, options) == one);
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
    const Epoch whole = run(data, options);
    std::size_t delivered = 0;
    for (std::size_t b = 0; b < whole.sizes.size(); ++b) {
        delivered += static_cast<std::size_t>(whole.sizes[b]);
        options.start_sample = whole.resume_at[b];
        const Epoch tail = run(data, options);
        CHECK(tail.indices ==
              std::vector(whole.indices.begin() + static_cast<std::ptrdiff_t>(delivered), whole.indices.end()));
        CHECK(tail.images ==
              std::vector(whole.images.begin() + static_cast<std::ptrdiff_t>(64 * delivered), whole.images.end()));
    }
}

TEST_CASE("The last batch is kept or dropped") {
    const FakeDataset data(20, {});
    LoaderOptions options = base_options();
    CHECK(run(data, options).sizes == std::vector<std::int64_t>{8, 8, 4});
    options.drop_last = true;
    CHECK(run(data, options).sizes == std::vector<std::int64_t>{8, 8});
    options.split = Split::val;
    CHECK(run(data, options).sizes.empty());
}

TEST_CASE("More bad images than max_bad end the epoch at the same place for any number of workers") {
    const FakeDataset data(100, {10, 20, 30, 40, 50});
    LoaderOptions options = base_options();
    options.max_bad = 0.05;
    CHECK(run(data, options).error.empty());
    options.max_bad = 0.041;  // rounded up to 5
    CHECK(run(data, options).error.empty());
    options.max_bad = 0.04;
    options.workers = 1;
    const Epoch one = run(data, options);
    CHECK(one.error.find("5 of 100 train images are bad, at most 4 (4 %) are allowed") != std::string::npos);
    CHECK(one.bad.size() == 5);
    options.workers = 4;
    CHECK(run(data, options) == one);
    options.max_bad = 0.0;
    CHECK(run(data, options).bad.size() == 1);
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
    CHECK(run(data, options).sizes.size() == 8);
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

namespace {

/// An epoch with everything on that draws more than a permutation and a look: balanced, mixed, erased.
LoaderOptions busy_options() {
    LoaderOptions options = base_options();
    options.transform.erase = 0.5F;
    options.mix = {.mixup = 0.4, .cutmix = 1, .probability = 0.8};
    options.groups = {{}, {}, {1, 2, 3}};
    for (std::int64_t i = 0; i < 50; ++i) options.groups[static_cast<std::size_t>(i % 2)].push_back(i);
    return options;
}

}  // namespace

TEST_CASE("A balanced epoch that is mixed and erased is the same for any number of workers, and resumes") {
    const FakeDataset data(50, {3, 17});
    LoaderOptions options = busy_options();
    options.workers = 1;
    const Epoch whole = run(data, options);
    CHECK(whole.bad.size() <= 2);  // each is told once, however often it is drawn
    CHECK(std::ranges::count(whole.bad, "sample3") == 1);
    for (const int workers : {2, 4}) {
        options.workers = workers;
        CHECK(run(data, options) == whole);
    }
    std::size_t delivered = 0;
    for (std::size_t b = 0; b < whole.sizes.size(); ++b) {
        delivered += static_cast<std::size_t>(whole.sizes[b]);
        options.start_sample = whole.resume_at[b];
        const Epoch rest = run(data, options);
        CHECK(std::equal(rest.indices.begin(), rest.indices.end(),
                         whole.indices.begin() + static_cast<std::ptrdiff_t>(delivered), whole.indices.end()));
        CHECK(std::equal(rest.images.begin(), rest.images.end(),
                         whole.images.begin() + static_cast<std::ptrdiff_t>(delivered * 64), whole.images.end()));
    }
}

TEST_CASE("A sample that an epoch has again is not augmented in the same way again") {
    const FakeDataset data(20, {});
    LoaderOptions options = base_options();
    options.batch_size = 20;
    options.groups = {{0}, {1, 2, 3}};
    Loader loader(data, options);
    Batch batch;
    REQUIRE(loader.next(batch));
    REQUIRE(batch.draws.size() == 20);
    std::set<std::int64_t> names(batch.draws.begin(), batch.draws.end());
    CHECK(names.size() == 20);
    std::set<std::vector<float>> looks;
    for (std::size_t i = 0; i < 20; ++i) {
        CHECK((batch.draws[i] & 0xffffffff) == batch.indices[i]);
        if (batch.indices[i] == 0)
            looks.emplace(batch.images.begin() + static_cast<std::ptrdiff_t>(64 * i),
                          batch.images.begin() + static_cast<std::ptrdiff_t>(64 * (i + 1)));
    }
    CHECK(looks.size() == 10);
}

TEST_CASE("Balanced ranks take their parts of the same draws") {
    const FakeDataset data(50, {});
    LoaderOptions options = busy_options();
    options.batch_size = 8;
    options.shard.parts = 4;
    const Epoch one = run(data, options);
    options.batch_size = 4;
    std::vector<Epoch> ranks;
    for (int rank = 0; rank < 2; ++rank) {
        options.shard.rank = rank;
        options.shard.ranks = 2;
        ranks.push_back(run(data, options));
    }
    REQUIRE(one.sizes.size() == ranks[0].sizes.size());
    std::vector<float> together;
    std::size_t at[2] = {0, 0};
    for (std::size_t step = 0; step < one.sizes.size(); ++step)
        for (std::size_t r = 0; r < 2; ++r) {
            const auto floats = static_cast<std::size_t>(ranks[r].sizes[step]) * 64;
            const auto begin = ranks[r].images.begin() + static_cast<std::ptrdiff_t>(at[r]);
            together.insert(together.end(), begin, begin + static_cast<std::ptrdiff_t>(floats));
            at[r] += floats;
        }
    CHECK(together == one.images);
}

TEST_CASE("Groups of samples that are not there, empty ones and permutations of ranks with them are refused") {
    const FakeDataset data(4, {});
    LoaderOptions options = base_options();
    options.groups = {{0, 4}};
    CHECK_THROWS_AS(Loader(data, options), UsageError);
    options.groups = {{0}, {}};
    CHECK_THROWS_AS(Loader(data, options), UsageError);
    options.groups = {{0}};
    options.shard.independent = true;
    CHECK_THROWS_AS(Loader(data, options), UsageError);
}

TEST_CASE("A child of fork() is told that a loader is its parent's, and loads with one of its own") {
    const FakeDataset data(60, {});
    LoaderOptions options = busy_options();
    const Epoch expected = run(data, options);
    for (int i = 0; i < 3; ++i) {
        auto loader = std::make_unique<Loader>(data, options);
        Batch batch;
        REQUIRE(loader->next(batch));
        const pid_t child = ::fork();  // while its threads decode
        if (child == 0) {
            ::alarm(120);  // who hangs is ended
            bool refused = false;
            try {
                loader->next(batch);
            } catch (const UsageError&) {
                refused = true;
            }
            loader.reset();
            std::_Exit(refused && run(data, options).images == expected.images ? 0 : 1);
        }
        int status = 1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
        std::int64_t rest = batch.n;
        while (loader->next(batch)) rest += batch.n;
        CHECK(rest == 60);
    }
}
