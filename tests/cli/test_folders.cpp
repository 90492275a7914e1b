// Folders of images as people keep them, through the program.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "data/formats/stb.h"
#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/optional_parts.h"

using namespace keel::test;
using json = keel::Json;

namespace {

void write_image(const std::string& path, std::uint64_t seed, int side = 40) {
    const auto file = keel::encode_png(sample_image(side, side, 1, seed));
    write_text(path, std::string(file.begin(), file.end()));
}

/// `count` images a class in folder/CLASS, called pPATIENT_NUMBER.png, two a patient.
void write_classes(const std::string& folder, int count) {
    for (const char* name : {"A", "B"})
        for (int i = 0; i < count; ++i)
            write_image(folder + "/" + name + "/p" + name + std::to_string(i / 2) + "_" + std::to_string(i) + ".png",
                        static_cast<std::uint64_t>(i));
}

json info_of(const std::string& folder, const std::vector<std::string>& more) {
    std::vector<std::string> line{"data", "info", "folder:" + folder, "--json", "--quiet"};
    line.insert(line.end(), more.begin(), more.end());
    const auto result = run_keel(line);
    INFO(result.err);
    REQUIRE(result.code == 0);
    return keel::parse_json(result.out).at("splits");
}

}  // namespace

TEST_CASE("predict takes every file of a folder and those within it, and counts what it cannot read", "[folders]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    write_image(folder / "images/a.png", 1);
    write_image(folder / "images/deep/er/b.PNG", 2);
    write_image(folder / "images/IM000001", 3);
    write_text(folder / "images/notes.txt", "");
    write_text(folder / "images/._a.png", "resource fork");
    std::vector<std::string> line{"predict", "--checkpoint", folder / "model", folder / "images", "--json"};
    const auto good = run_keel(line);
    INFO(good.err);
    CHECK(good.code == 0);
    CHECK(keel::parse_json(good.out).at("precision") == "f32");
    const json images = keel::parse_json(good.out).at("images");
    REQUIRE(images.size() == 3);
    CHECK(images[2].at("path") == folder / "images/deep/er/b.PNG");
    CHECK_THAT(good.err, contains("3 files, 1 of the images in folders within it") &&
                             contains("1 texts and tables are ignored") && contains("1 hidden files"));

    for (const char* name : {"x.unknown", "y.unknown", "deep/z.mha"})
        write_text(folder / ("images/" + std::string(name)), "?");
    line.insert(line.end(), {"--precision", "bf16"});
    const auto mixed = run_keel(line);
    CHECK(keel::parse_json(mixed.out).at("precision") == "bf16");
    INFO(mixed.err);
    CHECK(mixed.code == 3);
    CHECK(keel::parse_json(mixed.out).at("images").size() == 3);
    for (const char* name : {"x.unknown", "y.unknown", "deep/z.mha"})
        CHECK_THAT(mixed.err, contains("skipped " + (folder / "images/") + name));
    CHECK_THAT(mixed.err, contains("3 of 6 files could not be read"));
}

TEST_CASE("A flat folder is divided as the options say, and scored whole", "[folders]") {
    const TemporaryFolder folder;
    const std::string set = folder / "set";
    write_classes(set, 20);
    CHECK(info_of(set, {"--test-fraction", "0.5"}).at("test").at("labels") == json({{"A", 10}, {"B", 10}}));
    CHECK(info_of(set, {"--test-fraction", "0"}).at("test").at("samples") == 0);
    CHECK(info_of(set, {"--split-rule", "old"}).at("test").at("samples") == 4);
    if (keel::test::has_patterns()) {
        const auto grouped = run_keel({"data", "info", "folder:" + set, "--group-by", "(p[AB][0-9]+)_"});
        CHECK(grouped.code == 0);
        CHECK_THAT(grouped.err,
                   contains("test: 8 samples of 4 patients, 20 % of all, seed 0, by patient, of each class"));
    }

    const std::string run = folder / "run";
    REQUIRE(run_keel(train_command("folder:" + set, run, {"--epochs", "1", "--test-fraction", "0.25"})).code == 0);
    const std::string checkpoint = run + "/checkpoints/best.safetensors";
    const auto score = [&](const std::vector<std::string>& more) {
        std::vector<std::string> line{"eval", "--checkpoint", checkpoint, "--data", "folder:" + set, "--json"};
        line.insert(line.end(), more.begin(), more.end());
        return run_keel(line);
    };
    const auto test = score({});  // divided as the run did it
    INFO(test.err);
    CHECK(keel::parse_json(test.out).at("samples") == 10);
    CHECK_THAT(test.err, contains("test: 10 samples, 25 % of all") && !contains("warning"));
    const auto all = score({"--split", "all"});
    CHECK(keel::parse_json(all.out).at("samples") == 40);
    CHECK_THAT(all.err, contains("warning: the checkpoint was trained on samples of all"));
    CHECK(keel::parse_json(all.out).at("precision") == "f32");
    const auto ensemble =
        score({"--split", "all", "--checkpoint", run + "/checkpoints/last.safetensors", "--precision", "bf16"});
    CHECK(keel::parse_json(ensemble.out).at("precision") == "bf16");
    CHECK_THAT(ensemble.err, contains("last.safetensors: warning: the checkpoint was trained on samples of all") &&
                                 contains("best.safetensors: warning: the checkpoint was trained on samples of all"));
    const auto other = score({"--split-seed", "1"});
    CHECK_THAT(other.err, contains("warning: the samples are not those of the run that made the checkpoint"));
    write_classes(folder / "external", 5);
    const auto external = run_keel(
        {"eval", "--checkpoint", checkpoint, "--data", "folder:" + (folder / "external"), "--split", "all", "--json"});
    CHECK(keel::parse_json(external.out).at("samples") == 10);
    CHECK_THAT(external.err, !contains("was trained on"));
}

TEST_CASE("A run says of its data what it used and what not, in the log, in data.json and in the report", "[folders]") {
    const TemporaryFolder folder;
    write_classes(folder / "set/Train", 6);
    write_classes(folder / "set/Validation", 2);
    write_text(folder / "set/Train/A/x.unknown", "?");
    std::filesystem::create_directories(folder / "set/Train/COVID");
    const auto result = run_keel(train_command("folder:" + (folder / "set"), folder / "run", {"--epochs", "1"}));
    INFO(result.err);
    REQUIRE(result.code == 0);
    const std::string report = read_text(folder / "run/report.html"), log = read_text(folder / "run/log.txt");
    for (const char* part : {"1 files are ignored, for they are not images", "class COVID has no training samples"}) {
        CHECK_THAT(log, contains(part));
        CHECK_THAT(report, contains(part));
    }
    CHECK_THAT(log, contains("train: 12 samples, folder Train") && contains("val: 4 samples, folder Validation"));
    CHECK_THAT(report, contains("<h2>Data</h2>") && contains("<td>train</td><td>12</td><td>12</td>") &&
                           contains("<td>val</td><td>4</td><td>4</td><td>–</td><td>folder Validation</td>") &&
                           !contains("others than the run recorded"));
    CHECK_THAT(result.err, contains("class COVID has no training samples") && !contains("12 samples"));  // --quiet

    // The images of errors are the run's data, opened again: what is said of them now is said, too.
    write_image(folder / "set/Validation/A/new.png", 9);
    const auto again = run_keel({"report", folder / "run"});
    CHECK_THAT(again.err, contains("keel report: train: 12 samples") && contains("keel report: val: 5 samples") &&
                              contains("keel report: warning: class COVID has no training samples"));
    CHECK_THAT(read_text(folder / "run/report.html"),
               contains("The data are others than the run recorded: val: 5 samples, folder Validation"));
}

TEST_CASE("Every command that opens data says at its start what it found and used", "[folders]") {
    const TemporaryFolder folder;
    const std::string set = "folder:" + (folder / "set"), checkpoint = folder / "run/checkpoints/best.safetensors";
    write_classes(folder / "set/train", 10);
    write_classes(folder / "set/val", 4);
    write_text(folder / "set/train/A/x.unknown", "?");
    REQUIRE(run_keel(train_command(set, folder / "run", {"--epochs", "1"})).code == 0);
    const std::vector<std::vector<std::string>> commands{
        {"eval", "--checkpoint", checkpoint, "--data", set, "--split", "val", "--predictions", folder / "p.csv"},
        {"threshold", "--checkpoint", checkpoint, "--data", set},
        {"quantize", "--checkpoint", checkpoint, "--data", set, "--out", folder / "int8", "--batch-size", "4"},
        {"data", "info", set},
        {"data", "check", "--data", set},
        {"data", "bench", set, "--images", "8", "--rounds", "1"},
        {"data", "pack", set, folder / "pack"},
        {"report", folder / "run"}};
    for (const auto& line : commands) {
        const auto result = run_keel(line);
        CAPTURE(line, result.err);
        CHECK_THAT(result.err, contains(": train: 20 samples, folder train\n") &&
                                   contains(": val: 8 samples, folder val\n") &&
                                   contains(": warning: 1 files are ignored, for they are not images"));
    }
    CHECK_THAT(run_keel({"score", "--predictions", folder / "p.csv"}).err, contains("p.csv: 8 samples are scored"));
}
