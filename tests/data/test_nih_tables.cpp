// NIH's layout as it comes back from spreadsheets, scripts and half-unpacked archives.
#include "data/sources/nih_table.h"

#include <algorithm>
#include <functional>

#include "data/inspect/check.h"
#include "data/inspect/info.h"
#include "kernels/error.h"
#include "tests/data/table_sets.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr const char *kTable = "Data_Entry_2017.csv", *kTrain = "train_val_list.txt", *kTest = "test_list.txt";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

std::string utf16(const std::string& text) {
    std::string bytes = "\xFF\xFE";
    for (const char c : text) bytes += {c, '\0'};
    return bytes;
}

/// What describe() says, a line each, warnings with a `!`.
std::string told(const Dataset& data) {
    std::string text;
    for (const Remark& remark : describe(data)) text += (remark.warning ? "! " : "") + remark.text + "\n";
    return text;
}

/// Writes NIH's layout of 8 patients and changes one file.
class Changed {
public:
    Changed(const char* file, const std::function<std::string(const std::string&)>& change) {
        write_nih(folder_.path(), 8);
        write_text(folder_ / file, change(read_text(folder_ / file)));
    }
    std::string spec() const { return "nih:" + folder_.path(); }
    const TemporaryFolder& folder() const { return folder_; }

private:
    TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("nih: tables in any form are the same set", "[nih]") {
    const TemporaryFolder plain;
    write_nih(plain.path(), 8);
    const auto wanted = samples_of(*open_dataset("nih:" + plain.path()));
    REQUIRE(wanted.size() == 16);
    const std::pair<const char*, std::function<std::string(const std::string&)>> changes[] = {
        {"CR", [](const std::string& t) { return replaced(t, "\n", "\r"); }},
        {"CRLF", [](const std::string& t) { return replaced(t, "\n", "\r\n"); }},
        {"semicolons", [](const std::string& t) { return replaced(t, ",", ";"); }},
        {"tabs", [](const std::string& t) { return replaced(t, ",", "\t"); }},
        {"UTF-16", utf16},
        {"blanks after commas", [](const std::string& t) { return replaced(t, ",", ", "); }},
        {"blanks after findings", [](const std::string& t) { return replaced(t, "Hernia,", "Hernia ,"); }},
        {"blanks after names", [](const std::string& t) { return replaced(t, ".png,", ".png ,"); }},
        {"blanks around bars", [](const std::string& t) { return replaced(t, "|", " | "); }},
        {"small letters",
         [](const std::string& t) { return replaced(replaced(t, "No Finding", "no finding"), "Eff", "eff"); }},
        {"headings", [](const std::string& t) { return replaced(t, "Image Index", "image_index"); }},
        {"folders", [](const std::string& t) { return replaced(t, "\n0", "\nimages/0"); }},
        {"no endings", [](const std::string& t) { return replaced(t, ".png", ""); }},
        {"other endings", [](const std::string& t) { return replaced(t, ".png", ".PNG"); }},
        {"long patients", [](const std::string& t) { return replaced(t, ",61,F", ".0,61,F"); }},
    };
    for (const auto& [what, change] : changes) {
        const Changed set(kTable, change);
        CAPTURE(what);
        const auto data = open_dataset(set.spec());
        const auto samples = samples_of(*data);
        REQUIRE(samples.size() == 16);
        for (const auto& [name, sample] : wanted) {
            const Sample& own = samples.at(name);
            CHECK((own.mask == sample.mask && own.patient == sample.patient && own.attributes == sample.attributes));
        }
        CHECK((data->size(Split::test) == 4 && data->missing().empty() && data->unlabelled().empty()));
    }
}

TEST_CASE("nih: what was not as it is published is told", "[nih]") {
    const auto said = [](const std::function<std::string(const std::string&)>& change) {
        return told(*open_dataset(Changed(kTable, change).spec()));
    };
    CHECK_THAT(said([](const std::string& t) { return replaced(t, ".png,", ".png ,"); }),
               contains("16 names of ") && contains("are read without the blanks around them: '00000001_000.png '"));
    CHECK_THAT(said(utf16), contains("Data_Entry_2017.csv is separated by commas, UTF-16 LE"));
    CHECK_THAT(said([](const std::string& t) { return replaced(t, ".png", ""); }),
               contains("16 names of the table are found by what stands before the ending: 00000001_000 is "));
    CHECK_THAT(said([](const std::string& t) { return replaced(t, "\n0", "\nimages/0"); }),
               contains("16 names of the table are found without their first folders"));
}

TEST_CASE("nih: lists with blanks, folders, without endings or as tables are the same lists", "[nih]") {
    const std::pair<const char*, std::function<std::string(const std::string&)>> changes[] = {
        {"blanks", [](const std::string& t) { return replaced(t, "000.png", "000.png "); }},
        {"folders", [](const std::string& t) { return replaced(t, "\n0", "\nimages_001/images/0"); }},
        {"no endings", [](const std::string& t) { return replaced(t, ".png", ""); }},
        {"cells", [](const std::string& t) { return replaced(t, "\n", ",0\n"); }},
        {"CR", [](const std::string& t) { return replaced(t, "\n", "\r"); }},
        {"UTF-16", utf16},
    };
    for (const auto& [what, change] : changes) {
        const Changed set(kTrain, change);
        CAPTURE(what);
        const auto data = open_dataset(set.spec());
        CHECK((data->unlisted().empty() && data->size(Split::test) == 4));
        CHECK(data->size(Split::train) + data->size(Split::val) == 12);
    }
    const auto odd =
        open_dataset(Changed(kTest, [](const std::string& t) { return t + "heading\nother.png\n"; }).spec());
    CHECK_THAT(told(*odd),
               contains("! 2 of 6 names of ") && contains("test_list.txt are not in the table: heading, other.png"));
    CHECK(open_dataset(Changed(kTest, [](const std::string&) { return ""; }).spec())->size(Split::test) == 0);
}

TEST_CASE("nih: absent images and patients on both sides are told when a set is opened", "[nih]") {
    const TemporaryFolder folder;
    write_nih(folder.path(), 8);
    for (int i = 1; i <= 4; ++i) std::filesystem::remove(folder / ("images/0000000" + std::to_string(i) + "_000.png"));
    write_text(folder / kTest, read_text(folder / kTest) + "00000001_001.png\n");
    write_text(folder / kTrain, replaced(read_text(folder / kTrain), "00000001_001.png\n", ""));
    write_text(folder / kTrain, read_text(folder / kTrain) + "00000001_000.png\n");
    std::filesystem::copy_file(folder / "images/00000002_001.png", folder / "images/00000001_000.png");
    const std::string text = told(*open_dataset("nih:" + folder.path()));
    CHECK_THAT(
        text,
        contains(
            "! 3 rows of the label file have no image (no picture file is there) and are not used: 00000002_000.png"));
    CHECK_THAT(text, contains("! 1 patients have images in several splits"));
}

TEST_CASE("nih: a patient's number in several forms is one patient, and that is found", "[nih]") {
    const Changed set(kTable, [](const std::string& t) {
        return replaced(replaced(t, "png,No Finding,0,3,", "png,No Finding,0,00000003,"), "Hernia,1,3,",
                        "Hernia,1, 3.0 ,");
    });
    std::filesystem::remove(set.folder() / kTrain);
    std::filesystem::remove(set.folder() / kTest);
    const auto data = open_dataset(set.spec());
    CHECK((samples_of(*data).at("00000003_000.png").patient == "3" &&
           samples_of(*data).at("00000003_001.png").patient == "3"));
    CHECK_THAT(
        told(*data),
        contains("! 1 patients' numbers are written in several ways, which are taken as one: ' 3.0 ' '00000003'"));
    const CheckReport report = check_dataset(*data, 1);
    REQUIRE(report.count(FindingKind::not_used) == 1);
    CHECK(report.good());
    CHECK(report.count(FindingKind::patient_across) == 0);
}

TEST_CASE("nih: of two label tables the newer is taken, and that is told", "[nih]") {
    const TemporaryFolder folder;
    write_nih(folder.path(), 8);
    write_text(folder / "Data_Entry_2017_v2020.csv", replaced(read_text(folder / kTable), "Effusion|", ""));
    const auto data = open_dataset("nih:" + folder.path());
    CHECK(samples_of(*data).at("00000001_001.png").mask == std::uint64_t{1} << 13);
    CHECK_THAT(told(*data),
               contains("! ") && contains("Data_Entry_2017_v2020.csv is read, the last by name; not used: "));
}

TEST_CASE("nih: a table of CheXpert's form in its place is read as csv: would", "[nih]") {
    const TemporaryFolder folder;
    write_images(folder, {"images/train/patient00001/study1/view1_frontal.jpg", "images/view1_frontal.jpg"});
    write_text(folder / "Data_Entry_chexpert.csv",
               "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema\n"
               "CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,60,Frontal,AP,1.0,\n"
               "CheXpert-v1.0-small/train/patient00002/study1/view1_frontal.jpg,Male,50,Frontal,AP,,-1.0\n");
    const auto data = open_dataset("nih:" + folder.path());
    CHECK(samples_of(*data).size() == 2);
    CHECK_THAT(told(*data),
               contains("Data_Entry_chexpert.csv has none of NIH's columns and is read as csv:FILE would"));
}

TEST_CASE("nih: two rows of one image, and images that are none, are refused by name", "[nih]") {
    const Changed twice(kTable,
                        [](const std::string& t) { return t + "00000001_000.PNG,No Finding,0,1,61,F,PA,1,1,1,1\n"; });
    CHECK_THAT(refusal_of(twice.spec()), contains("00000001_000.PNG has a row already, as 00000001_000.png"));
    const Changed none(kTable, [](const std::string& t) { return replaced(t, "_00", "_99"); });
    CHECK_THAT(refusal_of(none.spec()),
               contains("none of its 16 images is there (00000001_990.png, 00000001_991.png and 14 more)"));
}
