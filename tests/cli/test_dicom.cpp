// DICOM through the program: predicted, packed, trained on; and nothing of whom the images are of anywhere.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/dicom_writer.h"
#include "tests/support/temporary_folder.h"

using namespace keel::test;

namespace {

namespace fs = std::filesystem;

void write_file(const std::string& path, const DicomWriter& writer) {
    const DicomWriter::Bytes bytes = writer.file();
    write_text(path, std::string(bytes.begin(), bytes.end()));
}

/// Everything in a file that tells whom it is of, or from where. None of it may come out again.
const std::vector<std::string> kIdentifiers{"QZSURNAME", "QZGIVEN",     "QZ-PID-4711", "QZOTHER-ID",
                                            "19470213",  "QZACCESSION", "QZHOSPITAL",  "QZDOCTOR",
                                            "QZADDRESS", "QZCOMMENT",   "QZSTATION",   "1.2.826.0.1.4711.99"};

/// An image of a person; every value that could name one is filled.
DicomWriter image_of_person(int seed) {
    DicomWriter writer;
    writer.grey(40, 40, 12);
    writer.text(0x00080018, "UI", "1.2.826.0.1.4711.99." + std::to_string(seed));
    writer.text(0x00080050, "SH", "QZACCESSION");
    writer.text(0x00080080, "LO", "QZHOSPITAL");
    writer.text(0x00080090, "PN", "QZDOCTOR");
    writer.text(0x00081010, "SH", "QZSTATION");
    writer.text(0x00100010, "PN", "QZSURNAME^QZGIVEN");
    writer.text(0x00100020, "LO", "QZ-PID-4711");
    writer.text(0x00100030, "DA", "19470213");
    writer.text(0x00101000, "LO", "QZOTHER-ID");
    writer.text(0x00101040, "LO", "QZADDRESS");
    writer.text(0x00104000, "LT", "QZCOMMENT");
    writer.text(0x0020000D, "UI", "1.2.826.0.1.4711.99");
    std::vector<int> values;
    for (int i = 0; i < 40 * 40; ++i) values.push_back((i * seed * 7 + i % 40 * 50) % 4096);
    writer.pixels(values);
    return writer;
}

/// Fails where one of the identifiers is in the text.
void check_clean(const std::string& text, const std::string& where) {
    for (const std::string& word : kIdentifiers) {
        INFO(where << " holds " << word);
        CHECK(text.find(word) == std::string::npos);
    }
}

void check_clean_folder(const std::string& folder) {
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        check_clean(std::string(std::istreambuf_iterator<char>(file), {}), entry.path().string());
        ++files;
    }
    CHECK(files > 0);
}

/// Runs keel, whose output must be clean.
ProgramResult run_clean(const std::vector<std::string>& arguments, int code = 0) {
    ProgramResult result = run_keel(arguments);
    CAPTURE(arguments, result.err);
    REQUIRE(result.code == code);
    check_clean(result.out + result.err, arguments[0]);
    return result;
}

/// folder: of two classes and three splits, one file of each kind of damage.
void write_set(const std::string& root) {
    int seed = 1;
    for (const char* split : {"train", "val", "test"})
        for (const char* label : {"healthy", "ill"})
            for (int i = 0; i < 6; ++i)
                write_file(root + "/" + split + "/" + label + "/IM" + std::to_string(seed), image_of_person(seed)),
                    ++seed;
}

}  // namespace

TEST_CASE("No name, birth date or number of a patient reaches any output", "[dicom]") {
    const TemporaryFolder folder;
    const std::string set = folder / "set", spec = "folder:" + set, run = folder / "run",
                      model = folder / "run/checkpoints/best.safetensors";
    write_set(set);
    DicomWriter damaged = image_of_person(99);
    damaged.text(0x00280008, "IS", "QZCOMMENT");  // even where a value is refused
    write_file(set + "/train/ill/IM0", damaged);
    run_clean({"data", "info", spec});
    run_clean({"data", "check", "--data", spec, "--csv", folder / "findings.csv"}, 3);
    run_clean({"train", "--model", "resnet20", "--data", spec, "--out", run, "--image-size", "32", "--batch-size", "4",
               "--epochs", "1", "--max-bad", "0.2"});
    run_clean({"eval", "--checkpoint", model, "--data", spec, "--predictions", folder / "predictions.csv"});
    run_clean({"predict", "--checkpoint", model, "--heatmaps", folder / "maps", set + "/test/ill"});
    run_clean({"predict", "--checkpoint", model, "--json", set + "/train/ill"}, 3);
    run_clean({"data", "pack", spec, folder / "pack", "--size", "32", "--max-bad", "0.2"});
    run_clean({"report", run});
    for (const char* part : {"run", "pack", "maps"}) check_clean_folder(folder / part);
    for (const char* file : {"findings.csv", "predictions.csv"}) check_clean(read_text(folder / file), file);
}

TEST_CASE("keel predict takes DICOM files, folders of them and DICOMDIR files", "[dicom]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    write_file(folder / "medium/IMAGES/IM1", image_of_person(1));
    write_file(folder / "medium/IMAGES/IM2", image_of_person(2));
    write_file(folder / "medium/IMAGES/IM3.dcm", image_of_person(3));
    write_text(folder / "medium/IMAGES/README", "no image");
    DicomWriter index, first, second, report, gone;
    index.media_class = "1.2.840.10008.1.3.10";
    const auto record = [](DicomWriter& to, const char* type, const char* file) {
        to.text(0x00041430, "CS", type);
        to.text(0x00041500, "CS", file);
    };
    record(first, "IMAGE", "images\\im2");
    record(second, "IMAGE", "IMAGES\\IM1");
    record(report, "SR DOCUMENT", "IMAGES\\README");
    record(gone, "IMAGE", "IMAGES\\IM9");
    index.sequence(0x00041220, {&first, &second, &report, &gone});
    write_file(folder / "medium/DICOMDIR", index);
    const auto predict = [&](const std::string& path) {
        const ProgramResult result = run_keel({"predict", "--json", "--checkpoint", folder / "model", path});
        INFO(result.err);
        REQUIRE(result.code == 0);
        std::vector<std::string> paths;
        const keel::Json answer = keel::parse_json(result.out);
        for (const keel::Json& image : answer.at("images")) paths.push_back(image.at("path"));
        return std::pair(paths, result.err);
    };
    const std::string images = folder / "medium/IMAGES/";
    CHECK(predict(images).first == std::vector<std::string>{images + "IM1", images + "IM2", images + "IM3.dcm"});
    CHECK(predict(images + "IM1").first == std::vector<std::string>{images + "IM1"});
    const auto [paths, said] = predict(folder / "medium/DICOMDIR");
    CHECK(paths == std::vector<std::string>{images + "IM2", images + "IM1"});
    CHECK_THAT(said, contains("names 1 files that are not there: IMAGES/IM9"));
    CHECK_THAT(said, contains("names 1 files that are no images"));
}

TEST_CASE("keel predict --dicom-out answers DICOM files, and says which images it cannot", "[dicom]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    for (int seed : {1, 2}) {
        DicomWriter image = image_of_person(seed);
        image.text(0x0020000E, "UI", "1.2.826.0.1.4711.99.5");
        write_file(folder / ("images/im" + std::to_string(seed) + ".dcm"), image);
    }
    const auto predict = [&](std::vector<std::string> more) {
        std::vector<std::string> line{"predict", "--checkpoint", folder / "model", "--json"};
        line.insert(line.end(), more.begin(), more.end());
        return run_keel(line);
    };
    const ProgramResult both =
        predict({"--dicom-out", folder / "out", "--dicom-capture", "--dicom-marks", folder / "images"});
    CAPTURE(both.err);
    REQUIRE(both.code == 0);
    CHECK(keel::Json::parse(both.out)["images"][1]["dicom"].size() == 3);
    for (const char* name : {"im1.report", "im1.heatmap", "im1.marks", "im2.report", "im2.heatmap", "im2.marks"})
        CHECK_THAT(read_text(folder / "out/" + name + ".dcm"),
                   contains("QZSURNAME") && contains("NOT A MEDICAL DEVICE"));
    write_sample_images(folder / "others", 1);
    const ProgramResult others = predict({"--dicom-out", folder / "out2", folder / "others", folder / "images"});
    CHECK(others.code == 3);
    CHECK_THAT(others.err, contains("no DICOM answer to") && contains("wanted a DICOM file, it is none"));
    CHECK(fs::exists(folder / "out2/im2.report.dcm"));
    CHECK(predict({"--dicom-capture", folder / "images"}).code == 2);
    write_text(folder / "codes.csv", "label,value\na,1\n");
    CHECK(predict({"--dicom-out", folder / "out3", "--dicom-codes", folder / "codes.csv", folder / "images"}).code ==
          3);
}
