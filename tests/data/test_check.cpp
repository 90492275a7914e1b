#include "data/inspect/check.h"

#include <zlib.h>

#include <algorithm>
#include <filesystem>

#include "data/sources/pack.h"
#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

namespace fs = std::filesystem;

std::vector<Finding> of_kind(const CheckReport& report, FindingKind kind) {
    std::vector<Finding> found;
    for (const Finding& finding : report.findings)
        if (finding.kind == kind) found.push_back(finding);
    return found;
}

}  // namespace

TEST_CASE("A clean set has no findings", "[check]") {
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 12);
    std::int64_t last = 0;
    const CheckReport report =
        check_dataset(*open_dataset("nih:" + scratch.path()), 3, [&](std::int64_t done, std::int64_t total) {
            CHECK(done == last + 1);
            CHECK(total == 24);
            last = done;
        });
    CHECK(last == 24);
    CHECK(report.findings.empty());
    CHECK(report.good());
    CHECK((report.images == 24 && report.width == 8 && report.height == 8));
    CHECK_THROWS_AS(check_dataset(*open_dataset("nih:" + scratch.path()), 0), UsageError);
}

TEST_CASE("Every kind of finding is found, once, and only where it is", "[check]") {
    const TemporaryFolder scratch;
    write_nih(scratch.path(), 12);  // test patients: 4, 8 and 12
    const auto image = [&](const std::string& name) { return scratch / ("images/" + name + ".png"); };
    const std::string whole = read_text(image("00000001_000"));
    write_text(image("00000001_000"), whole.substr(0, whole.size() - 20));
    write_text(image("00000001_001"), "no image");
    std::string large = whole;
    large[16] = '\x7F';  // the width's highest byte; its chunk's CRC covers bytes 12 to 28
    const auto crc = static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(large.data()) + 12, 17));
    for (int i = 0; i < 4; ++i) large[static_cast<std::size_t>(29 + i)] = static_cast<char>(crc >> (24 - 8 * i));
    write_text(image("00000002_000"), large);
    write_bytes(image("00000002_001"), encode_png(noise_image(9, 8, 1, 77)));
    fs::copy_file(image("00000003_000"), image("00000003_001"), fs::copy_options::overwrite_existing);
    fs::copy_file(image("00000005_000"), image("00000008_000"), fs::copy_options::overwrite_existing);
    fs::copy_file(image("00000005_000"), image("99999999_000"));
    fs::remove(image("00000006_000"));
    std::string train = read_text(scratch / "train_val_list.txt"), test = read_text(scratch / "test_list.txt");
    const auto drop = [](std::string& list, const std::string& name) { list.erase(list.find(name), name.size() + 1); };
    drop(train, "00000009_000.png");
    drop(test, "00000012_001.png");
    write_text(scratch / "train_val_list.txt", train + "00000012_001.png\n");
    write_text(scratch / "test_list.txt", test);

    const CheckReport report = check_dataset(*open_dataset("nih:" + scratch.path()), 2);
    CHECK_FALSE(report.good());
    CHECK(report.findings.size() == 10);
    const auto only = [&](FindingKind kind) {
        INFO(finding_name(kind));
        const auto found = of_kind(report, kind);
        REQUIRE(found.size() == 1);
        return found[0];
    };
    CHECK(only(FindingKind::truncated).name == "00000001_000.png");
    CHECK(only(FindingKind::unreadable).name == "00000001_001.png");
    CHECK(only(FindingKind::too_large).name == "00000002_000.png");
    CHECK_THAT(only(FindingKind::unreadable).detail, contains("neither PNG nor JPEG nor BMP"));
    CHECK(only(FindingKind::other_size).name == "00000002_001.png");
    CHECK(only(FindingKind::other_size).detail == "9 x 8, most have 8 x 8");
    const Finding duplicate = only(FindingKind::duplicate);
    CHECK((duplicate.name == "00000003_001.png" &&
           duplicate.detail.starts_with("the same pixels as 00000003_000.png of ")));
    const Finding across = only(FindingKind::duplicate_across);
    CHECK((across.name == "00000008_000.png" && across.split == "test"));
    CHECK_THAT(across.detail, contains("00000005_000.png of "));
    CHECK(only(FindingKind::missing_image).name == "00000006_000.png");
    CHECK(only(FindingKind::unlabelled).name == "99999999_000.png");
    CHECK(only(FindingKind::unlisted).name == "00000009_000.png");
    const Finding patient = only(FindingKind::patient_across);
    CHECK(patient.name == "12");
    CHECK_THAT(patient.split, contains("+test"));
    CHECK_THAT(patient.detail, contains("1 of test"));
    CHECK(std::ranges::is_sorted(report.findings, {}, &Finding::kind));
}

TEST_CASE("Which findings are errors", "[check]") {
    for (int k = 0; k < kFindingKinds; ++k) {
        const auto kind = static_cast<FindingKind>(k);
        const std::string name = finding_name(kind);
        CHECK(is_error(kind) == (name == "truncated" || name == "too_large" || name == "unreadable" ||
                                 name == "missing_image" || name == "patient_across"));
        CheckReport report;
        report.findings.push_back({kind, "", "x", ""});
        CHECK(report.good() == !is_error(kind));
        CHECK(report.count(kind) == 1);
    }
}

TEST_CASE("A pack is checked like its source", "[check]") {
    const TemporaryFolder scratch;
    write_nih(scratch / "set", 12);
    write_pack(*open_dataset("nih:" + (scratch / "set")),
               {.directory = scratch / "pack", .split = {}, .size = 8, .on_bad_image = {}, .on_progress = {}});
    CHECK(check_dataset(*open_dataset("pack:" + (scratch / "pack")), 2).findings.empty());
    std::string shard = read_text(scratch / "pack/shard-00000.keelpack");
    shard[100] ^= 1;
    write_text(scratch / "pack/shard-00000.keelpack", shard);
    const auto found = of_kind(check_dataset(*open_dataset("pack:" + (scratch / "pack")), 2), FindingKind::unreadable);
    REQUIRE(found.size() == 1);
    CHECK_THAT(found[0].detail, contains("record 1 "));
}

TEST_CASE("What a source did not use is a finding, and a class without training samples", "[check]") {
    DatasetContents contents = small_contents(Task::classes, 4, 2);
    contents.label_names = {"A", "B", "C"};
    contents.remarks = {{true, "3 files are ignored"}, {false, "a note"}};
    const CheckReport report = check_dataset(SmallDataset(contents), 1);
    CHECK(report.good());
    CHECK(report.count(FindingKind::empty_class) == 1);
    REQUIRE(report.count(FindingKind::not_used) == 1);
    const Finding& last = report.findings.back();
    CHECK((last.detail == "3 files are ignored" && last.split.empty()));
    CHECK((report.findings[report.findings.size() - 2].name == "C"));
}
