#include "data/phantom/phantom.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "data/dataset.h"
#include "data/formats/decode.h"
#include "data/sources/nih_table.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

namespace {

PhantomOptions small(const std::string& directory, int threads, std::uint64_t seed = 1) {
    PhantomOptions options;
    options.directory = directory;
    options.count = 24;
    options.size = 64;
    options.seed = seed;
    options.balanced = true;
    options.threads = threads;
    return options;
}

/// Every file below a folder and its bytes.
std::map<std::string, Bytes> snapshot(const std::string& root) {
    std::map<std::string, Bytes> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        if (entry.is_regular_file())
            files[std::filesystem::relative(entry.path(), root)] = read_bytes(entry.path(), 1 << 24);
    }
    return files;
}

}  // namespace

TEST_CASE("A phantom set is a function of its seed, not of the threads") {
    const TemporaryFolder scratch;
    write_phantom(small(scratch / "one", 1));
    write_phantom(small(scratch / "four", 4));
    write_phantom(small(scratch / "other", 2, 2));
    const auto one = snapshot(scratch / "one");
    CHECK(one.size() == 24 + 5);
    CHECK(one == snapshot(scratch / "four"));
    CHECK(one != snapshot(scratch / "other"));
    CHECK_FALSE(std::filesystem::exists(scratch / "one.partial"));
    const Bytes& marker = one.at("SYNTHETIC.txt");
    CHECK(std::string(marker.begin(), marker.end()).starts_with("SYNTHETIC."));
}

TEST_CASE("A phantom set opens as one, with the labels and the split of its plan") {
    const TemporaryFolder scratch;
    const PhantomOptions options = small(scratch / "set", 2);
    write_phantom(options);
    std::map<std::string, PhantomImage> plan;
    for (const PhantomImage& image : plan_phantom(options)) plan[image.name] = image;
    const auto data = open_dataset("phantom:" + options.directory);
    std::int64_t seen = 0;
    for (Split split : kSplits) {
        for (const Sample& sample : data->samples(split)) {
            CHECK(sample.mask == plan.at(sample.name).mask);
            CHECK(plan.at(sample.name).test == (split == Split::test));
            ++seen;
        }
        REQUIRE(data->size(split) > 0);
        CHECK(data->load(split, 0).width == 64);
    }
    CHECK(seen == 24);
    CHECK(open_dataset("nih:" + options.directory)->size(Split::test) == data->size(Split::test));
}

TEST_CASE("Frequencies are met and patients stay on one side") {
    // NIH's own counts of the 112,120 images; the test repeats them so that a slip in the table shows.
    const double nih[] = {11559, 2776, 13317, 19894, 5782, 6331, 1431, 5302, 4667, 2303, 2516, 1686, 3385, 227};
    for (bool balanced : {false, true}) {
        PhantomOptions options;
        options.count = 20000;
        options.balanced = balanced;
        const auto plan = plan_phantom(options);
        REQUIRE(plan.size() == 20000);
        std::map<std::int64_t, int> images;
        std::set<std::int64_t> sides[2];
        std::array<double, 14> counts{};
        for (const PhantomImage& image : plan) {
            ++images[image.patient];
            sides[image.test ? 1 : 0].insert(image.patient);
            for (std::size_t i = 0; i < 14; ++i) counts[i] += static_cast<double>(image.mask >> i & 1U);
        }
        for (std::int64_t p : sides[1]) CHECK_FALSE(sides[0].contains(p));
        CHECK(images.size() * 5 >= plan.size());
        double squares = 0;
        for (const auto& [patient, n] : images) squares += n * n;
        for (std::size_t i = 0; i < 14; ++i) {
            const double p = balanced ? kBalancedPrevalence : nih[i] / 112120;
            // Images of a patient are at most wholly correlated: variance of the count <= p (1 - p) sum n_i^2; five
            // deviations.
            CHECK(std::abs(counts[i] - 20000 * p) <= 5 * std::sqrt(p * (1 - p) * squares));
        }
    }
}

TEST_CASE("Every sign changes the image, and the patient's anatomy stays") {
    PhantomImage image;
    image.patient = 3;
    const Image healthy = draw_phantom(image, 96, 1);
    for (std::size_t i = 0; i < nih_labels().size(); ++i) {
        image.mask = std::uint64_t{1} << i;
        const Image sick = draw_phantom(image, 96, 1);
        // The noise is drawn alike, so all that differs is the sign; the smallest, a nodule of radius 0.018, covers 9
        // pixels.
        int changed = 0;
        for (std::size_t p = 0; p < sick.pixels.size(); ++p)
            changed += std::abs(sick.pixels[p] - healthy.pixels[p]) >= 12;
        INFO(nih_labels()[i]);
        CHECK(changed >= 6);
    }
    image.mask = 0;
    image.follow_up = 1;
    CHECK(draw_phantom(image, 96, 1).pixels != healthy.pixels);
}

TEST_CASE("Every image carries the word SYNTHETIC") {
    PhantomImage what;
    what.patient = 1;
    for (int size : {64, 128, 256}) {
        // The word alone is brighter than 0.94 in the lower left corner's line of text on each of several patients.
        const int scale = std::max(1, size / 160), margin = std::max(2, size / 50), top = size - margin - 7 * scale;
        for (std::int64_t patient : {1, 2, 3}) {
            what.patient = patient;
            const Image image = draw_phantom(what, size, 9);
            CHECK(image.row(top)[margin + 1 * scale] == 242);                              // S begins with dots 1 to 4
            CHECK(image.row(top)[margin + 3 * 6 * scale] == 242);                          // T begins with dots 0 to 4
            CHECK(image.row(top + 6 * scale)[margin + 8 * 6 * scale + 2 * scale] == 242);  // the last C ends below
        }
    }
}

TEST_CASE("A folder with contents is kept unless force replaces a phantom set") {
    const TemporaryFolder scratch;
    PhantomOptions options = small(scratch / "set", 1);
    options.count = 3;
    write_text(scratch / "set/precious.txt", "mine");
    CHECK_THROWS_AS(write_phantom(options), UsageError);
    options.force = true;
    CHECK_THROWS_AS(write_phantom(options), UsageError);
    CHECK(std::filesystem::exists(scratch / "set/precious.txt"));
    options.directory = scratch / "new/deep/";
    write_phantom(options);
    write_phantom(options);
    options.force = false;
    CHECK_THROWS_AS(write_phantom(options), UsageError);
    CHECK(snapshot(options.directory).size() == 3 + 5);
}

TEST_CASE("Phantom options outside their range are refused") {
    const TemporaryFolder scratch;
    const auto refused = [&](auto change) {
        PhantomOptions options = small(scratch / "set", 1);
        change(options);
        CHECK_THROWS_AS(write_phantom(options), UsageError);
    };
    refused([](PhantomOptions& o) { o.count = 0; });
    refused([](PhantomOptions& o) { o.size = 63; });
    refused([](PhantomOptions& o) { o.size = 4096; });
    refused([](PhantomOptions& o) { o.threads = 0; });
    refused([](PhantomOptions& o) { o.directory.clear(); });
    CHECK_FALSE(std::filesystem::exists(scratch / "set"));
}
