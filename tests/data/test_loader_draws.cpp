// Epochs that draw: balanced over groups, mixed, erased; and what the child of a fork() makes of a loader.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <vector>

#include "data/pipeline/loader.h"
#include "kernels/error.h"
#include "tests/data/epochs.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

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
    const Epoch whole = run_epoch(data, options);
    CHECK(whole.bad.size() <= 2);  // each is told once, however often it is drawn
    CHECK(std::ranges::count(whole.bad, "sample3") == 1);
    for (const int workers : {2, 4}) {
        options.workers = workers;
        CHECK(run_epoch(data, options) == whole);
    }
    std::size_t delivered = 0;
    for (std::size_t b = 0; b < whole.sizes.size(); ++b) {
        delivered += static_cast<std::size_t>(whole.sizes[b]);
        options.start_sample = whole.resume_at[b];
        const Epoch rest = run_epoch(data, options);
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
    const Epoch one = run_epoch(data, options);
    options.batch_size = 4;
    std::vector<Epoch> ranks;
    for (int rank = 0; rank < 2; ++rank) {
        options.shard.rank = rank;
        options.shard.ranks = 2;
        ranks.push_back(run_epoch(data, options));
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
    const Epoch expected = run_epoch(data, options);
    for (int i = 0; i < 10; ++i) {
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
            std::_Exit(refused && run_epoch(data, options).images == expected.images ? 0 : 1);
        }
        int status = 1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
        std::int64_t rest = batch.n;
        while (loader->next(batch)) rest += batch.n;
        CHECK(rest == 60);
    }
}
