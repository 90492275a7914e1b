// The source folder:, on what people have in their folders.
#include <algorithm>
#include <filesystem>

#include "data/dataset.h"
#include "data/inspect/info.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/optional_parts.h"

using namespace keel;
using namespace keel::test;
namespace fs = std::filesystem;

namespace {

void write_images(const std::string& folder, int count) {
    static const Bytes png = encode_png(noise_image(4, 4, 1, 1));
    for (int i = 0; i < count; ++i) write_bytes(folder + "/" + std::to_string(i) + ".png", png);
}

std::vector<std::int64_t> sizes_of(const Dataset& data) {
    return {data.size(Split::train), data.size(Split::val), data.size(Split::test)};
}

/// All that is said of a set, a line each, warnings with a `!`.
std::string said_of(const Dataset& data) {
    std::string lines;
    for (const Remark& remark : describe(data)) lines += (remark.warning ? "! " : "") + remark.text + "\n";
    return lines;
}

std::string folder_refusal(const std::string& path) {
    try {
        open_dataset("folder:" + path);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

DatasetOptions with_test(double fraction) {
    DatasetOptions options;
    options.test_fraction = fraction;
    return options;
}

/// Opens the set that `name` is, in a folder for it.
std::unique_ptr<Dataset> open(const std::string& path, const DatasetOptions& options = {}) {
    return open_dataset("folder:" + path, options);
}

}  // namespace

TEST_CASE("folder: splits in any spelling are splits", "[folder]") {
    const TemporaryFolder scratch;
    for (const auto& [train, val, test] : {std::array{"train", "validation", "testing"},
                                           std::array{"Train", "Val", "test"}, std::array{"TRAIN", "dev", "Test"}}) {
        const std::string path = scratch / train;
        write_images(path + "/" + train + "/A", 5);
        write_images(path + "/" + train + "/B", 4);
        write_images(path + "/" + val + "/A", 3);
        write_images(path + "/" + test + "/B", 2);
        const auto data = open(path);
        CHECK(data->label_names() == std::vector<std::string>{"A", "B"});
        CHECK(sizes_of(*data) == std::vector<std::int64_t>{9, 3, 2});
        CHECK(data->samples(Split::test)[0].label == 1);
        CHECK_THAT(said_of(*data), contains(std::string("train: 9 samples, folder ") + train) &&
                                       contains(std::string("val: 3 samples, folder ") + val) &&
                                       contains("! val: class B has no samples"));
    }
}

TEST_CASE("folder: images in folders within a class's are its images", "[folder]") {
    const TemporaryFolder scratch;
    write_images(scratch / "train/A", 2);
    write_images(scratch / "train/A/virus", 6);
    write_images(scratch / "train/A/bacteria/old", 6);
    write_images(scratch / "train/B", 3);
    write_images(scratch / "val/A", 1);
    const auto data = open(scratch.path());
    CHECK(count_labels(*data)[0].per_label == std::vector<std::int64_t>{14, 3});
    CHECK(data->samples(Split::train)[2].name == "A/bacteria/old/0.png");
    CHECK_THAT(said_of(*data), contains("12 images lie in folders within their class's"));
}

TEST_CASE("folder: files that are no images are counted, a class without images is told", "[folder]") {
    const TemporaryFolder scratch;
    write_images(scratch / "train/A", 4);
    fs::create_directories(scratch / "train/COVID");
    for (const char* name : {"a.xyz", "b.xyz", "c.mha"})
        write_text(scratch / ("train/B/" + std::string(name)), "unknown");
    write_text(scratch / "train/A/notes.txt", "no image");
    const std::string said = said_of(*open(scratch.path()));
    CHECK_THAT(said, contains("! 3 files are ignored") && contains("(2 .xyz, 1 .mha): train/B/a.xyz"));
    CHECK_THAT(said, contains("! classes B, COVID have no training samples"));
    CHECK_THAT(said, contains("! class A alone has training samples"));
    CHECK_THAT(said, contains("\n1 texts and tables are ignored (1 .txt)"));
}

TEST_CASE("folder: hidden folders and runs are no classes", "[folder]") {
    const TemporaryFolder scratch;
    write_images(scratch / "A", 10);
    write_images(scratch / "B", 10);
    write_images(scratch / ".ipynb_checkpoints", 2);
    write_images(scratch / "__MACOSX/A", 2);
    write_bytes(scratch / "A/._0.png", Bytes(100));
    write_text(scratch / "runs/first/config.toml", "");
    write_text(scratch / "runs/first/metrics.csv", "");
    write_text(scratch / "second/config.toml", "");
    fs::create_directories(scratch / "second/checkpoints");
    const auto data = open(scratch.path());
    CHECK(data->label_names() == std::vector<std::string>{"A", "B"});
    CHECK(sizes_of(*data) == std::vector<std::int64_t>{14, 2, 4});
    CHECK_THAT(said_of(*data),
               contains("3 hidden files and folders are ignored") &&
                   contains("! 2 folders hold a run of keel train and are ignored: runs/first, second"));
}

TEST_CASE("folder: images without a class", "[folder]") {
    const TemporaryFolder scratch;
    write_images(scratch / "set/train/A", 4);
    write_images(scratch / "set/train/B", 4);
    write_images(scratch / "set/train", 2);
    write_images(scratch / "set/test", 6);
    write_images(scratch / "set", 1);
    write_images(scratch / "set/extra", 1);
    const auto data = open(scratch / "set");
    CHECK(sizes_of(*data) == std::vector<std::int64_t>{6, 2, 0});
    const std::string said = said_of(*data);
    CHECK_THAT(said,
               contains("! folder test has no folders of classes") && contains("the 6 images in it have no label"));
    CHECK_THAT(said, contains("! 2 images lie beside the folders of train") && contains("! 1 images lie beside the"));
    CHECK_THAT(said, contains("! 1 folders beside those of the splits are ignored: extra"));
    write_images(scratch / "set/val", 3);
    CHECK_THAT(folder_refusal(scratch / "set"),
               contains("val has no folders of classes") && contains("the 3 images in it"));
    write_images(scratch / "flat", 3);
    CHECK_THAT(folder_refusal(scratch / "flat"),
               contains("has no folders with images") && contains("3 images lie in it itself"));
    write_text(scratch / "others/train/A/a.xyz", "");
    CHECK_THAT(folder_refusal(scratch / "others"),
               contains("others/train has no folders with images") && contains("1 other files: 1 .xyz"));
}

TEST_CASE("folder: several folders of a split, and classes that train lacks", "[folder]") {
    const TemporaryFolder scratch;
    write_images(scratch / "train/NORMAL", 4);
    write_images(scratch / "train/OTHER", 4);
    write_images(scratch / "val/NORMAL", 1);
    write_images(scratch / "Validation/NORMAL", 2);
    const auto data = open(scratch.path());
    CHECK(data->size(Split::val) == 1);
    CHECK_THAT(said_of(*data), contains("! val is the val split, ignored are: Validation"));
    fs::create_directories(scratch / "val/empty");
    CHECK_THAT(said_of(*open(scratch.path())), contains("! folder val/empty holds no images"));
    write_images(scratch / "val/normal", 1);
    CHECK_THAT(folder_refusal(scratch.path()), contains("val/normal is a class that train does not have"));
}

TEST_CASE("folder: a set to score on has no folder train, and a class may be called so", "[folder]") {
    const TemporaryFolder scratch;
    write_images(scratch / "external/test/A", 4);
    write_images(scratch / "external/test/B", 4);
    const auto external = open(scratch / "external");
    CHECK(sizes_of(*external) == std::vector<std::int64_t>{0, 0, 8});
    CHECK(external->label_names() == std::vector<std::string>{"A", "B"});
    for (const char* vehicle : {"bus", "car", "train"}) write_images(scratch / ("vehicles/" + std::string(vehicle)), 5);
    CHECK(open(scratch / "vehicles")->label_names() == std::vector<std::string>{"bus", "car", "train"});
}

TEST_CASE("folder: links to classes are followed, those that lead back are not", "[folder]") {
    const TemporaryFolder scratch;
    write_images(scratch / "elsewhere/x", 4);
    write_images(scratch / "set/train/A", 4);
    fs::create_directory_symlink(scratch / "elsewhere/x", scratch / "set/train/B");
    for (const char* up : {".", "..", "../.."})
        fs::create_directory_symlink(up, scratch / ("set/train/loop" + std::to_string(std::string(up).size())));
    const auto data = open(scratch / "set");
    CHECK(data->label_names() == std::vector<std::string>{"A", "B"});
    CHECK(data->size(Split::train) + data->size(Split::val) == 8);
    CHECK_THAT(said_of(*data), contains("! 3 links to folders that were entered already are ignored: train/loop"));
}

TEST_CASE("folder: splits below a class are told", "[folder]") {
    const TemporaryFolder scratch;
    write_images(scratch / "chest_xray/train/A", 10);
    write_images(scratch / "chest_xray/test/A", 10);
    CHECK_THAT(said_of(*open(scratch.path())), contains("! the folders test, train within those of classes") &&
                                                   contains("/chest_xray may be what is meant"));
}

TEST_CASE("folder: splits that are made show every class, by patient where one is told", "[folder]") {
    const TemporaryFolder scratch;
    write_images(scratch / "A", 90);
    write_images(scratch / "B", 10);
    const auto half = open(scratch.path(), with_test(0.5));
    CHECK(count_labels(*half)[2].per_label == std::vector<std::int64_t>{45, 5});
    CHECK(open(scratch.path(), with_test(0))->size(Split::test) == 0);
    CHECK_THAT(said_of(*half), contains("test: 50 samples, 50 % of all, seed 0, of each class"));
    const auto data = open(scratch.path());
    CHECK(sizes_of(*data) == std::vector<std::int64_t>{72, 8, 20});
    for (const SplitCounts& counts : count_labels(*data)) CHECK(counts.per_label[1] >= 1);

    // As Keel did before there was a rule: 10 %, whatever the class and the option.
    DatasetOptions old;
    old.split_rule = "old";
    CHECK(sizes_of(*open(scratch.path(), old)) == std::vector<std::int64_t>{81, 9, 10});

    const Bytes png = encode_png(noise_image(4, 4, 1, 1));
    for (int p = 0; p < 20; ++p)
        for (int i = 0; i < 4; ++i)
            write_bytes(scratch / ("patients/A/person" + std::to_string(p) + "_" + std::to_string(i) + ".png"), png);
    write_images(scratch / "patients/B", 20);
    CHECK_THAT(said_of(*open(scratch / "patients")), !contains("look as if they told patients"));  // those of B do not
    fs::remove_all(scratch / "patients/B");
    CHECK_THAT(said_of(*open(scratch / "patients")), contains("look as if they told patients"));
    if (!keel::test::has_patterns()) return;
    DatasetOptions grouped;
    grouped.group_by = R"((person\d+)_)";
    const auto by_patient = open(scratch / "patients", grouped);
    const std::string said = said_of(*by_patient);
    CHECK_THAT(said, contains("test: 16 samples of 4 patients, 20 % of all, seed 0, by patient, of each class"));
    CHECK_THAT(said, !contains("patients have images in several splits") && !contains("look as if"));
}

TEST_CASE("--group-by is for sources whose names tell patients", "[folder]") {
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 8);
    DatasetOptions options;
    options.group_by = "([0-9]+)_";
    CHECK_THROWS_AS(open_dataset("nih:" + scratch.path(), options), UsageError);
}
