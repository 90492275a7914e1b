// Images whose storage does not answer: they are not bad, and none is left out.
#include <atomic>
#include <cerrno>
#include <set>
#include <thread>

#include "data/inspect/check.h"
#include "data/pipeline/loader.h"
#include "data/sources/pack.h"
#include "engine/patience.h"
#include "kernels/error.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/disk_faults.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;
using keel::test::small_contents;
using keel::test::TemporaryFolder;

namespace {

/// Answers nothing about some samples for so many calls, or never.
class FlakyStorage final : public Dataset {
public:
    FlakyStorage(int samples, std::set<std::int64_t> unread, int failures)
        : Dataset(small_contents(Task::labels, samples)), unread_(std::move(unread)), left_(failures) {}

protected:
    Image read(const Sample& sample, LeastSize) const override {
        return patiently([&] {
            if (unread_.contains(sample.record) && left_-- > 0) throw StorageError("[flaky] stale handle", ESTALE);
            Image image(8, 8, 1);
            image.row(0)[0] = static_cast<std::uint8_t>(sample.record);
            return image;
        });
    }

private:
    std::set<std::int64_t> unread_;
    mutable std::atomic<int> left_;
};

constexpr int kNever = 1 << 30;

LoaderOptions options_of_eights() {
    LoaderOptions options;
    options.transform = {.image_size = 8};
    options.batch_size = 8;
    options.workers = 3;
    options.max_bad = 0;
    options.on_bad_image = [](const BadImage& bad) { FAIL("skipped " << bad.name); };
    return options;
}

std::vector<std::int64_t> all_indices(const Dataset& data, const LoaderOptions& options) {
    std::vector<std::int64_t> indices;
    Loader loader(data, options);
    for (Batch batch; loader.next(batch);) indices.insert(indices.end(), batch.indices.begin(), batch.indices.end());
    return indices;
}

}  // namespace

TEST_CASE("An epoch over a storage that fails for a while is the whole epoch", "[patience]") {
    const PatienceScope scope(1000);
    const FlakyStorage good(40, {}, 0), flaky(40, {3, 4, 5, 20, 39}, 17);
    CHECK(all_indices(flaky, options_of_eights()) == all_indices(good, options_of_eights()));
}

TEST_CASE("Where the storage stays away the epoch ends behind the last whole batch, and no image is bad",
          "[patience]") {
    const double seconds = GENERATE(0.0, 0.2);
    const PatienceScope scope(seconds);
    const FlakyStorage data(40, {19}, kNever);
    Loader loader(data, options_of_eights());
    Batch batch;
    REQUIRE(loader.next(batch));
    REQUIRE(loader.next(batch));
    CHECK(batch.next_sample == 16);
    CHECK_THROWS_AS(loader.next(batch), StorageError);
    CHECK(loader.bad_images() == 0);
}

TEST_CASE("A loader that waits for its storage can be left, and asked to stop", "[patience]") {
    const PatienceScope scope(100000);
    const FlakyStorage data(40, {2}, kNever);
    { const Loader left(data, options_of_eights()); }
    LoaderOptions options = options_of_eights();
    int asked = 0;
    options.stop_waiting = [&] { return ++asked == 2; };
    Loader loader(data, options);
    Batch batch;
    CHECK_THROWS_AS(loader.next(batch), StorageError);
    CHECK(asked == 2);
}

TEST_CASE("Checks and packs do not take an unread image for a bad one", "[patience]") {
    const TemporaryFolder folder;
    PackOptions options;
    options.directory = folder / "pack";
    options.max_bad = 1;
    options.workers = 2;
    {
        const FlakyStorage away(12, {5}, kNever);
        CHECK_THROWS_AS(check_dataset(away, 2), StorageError);
        CHECK_THROWS_AS(write_pack(away, options), StorageError);
        CHECK_FALSE(std::filesystem::exists(folder / "pack"));
    }
    const PatienceScope scope(1000);
    CHECK(check_dataset(FlakyStorage(12, {5}, 4), 2).count(FindingKind::unreadable) == 0);
    const PackSummary summary = write_pack(FlakyStorage(12, {5}, 4), options);
    CHECK(summary.bad_images == 0);
    CHECK(summary.samples[0] == 12);
}

TEST_CASE("A pack's file whose handle is stale is read on", "[patience]") {
    const TemporaryFolder folder;
    PackOptions options;
    options.directory = folder / "pack";
    options.workers = 1;
    write_pack(FlakyStorage(12, {}, 0), options);
    const auto pack = open_dataset("pack:" + options.directory);
    const test::DiskFaultScope faults({.at = 1, .error = ESTALE, .only = static_cast<int>(test::Call::read)});
    for (std::int64_t i = 0; i < 12; ++i) CHECK(pack->load(Split::train, i).row(0)[0] == i);
    CHECK(faults.calls() == 13);
}
