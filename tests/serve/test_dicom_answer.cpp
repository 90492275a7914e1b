#include "serve/dicom/answer.h"

#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <set>

#include "data/formats/decode.h"
#include "kernels/error.h"
#include "serve/dicom/identifiers.h"
#include "tests/serve/dicom_samples.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

// A namespace of its own: a folder's tests are compiled together.
namespace keel::dicom_node::answer_tests {

using namespace keel::test;

namespace {

std::vector<AnswerObject> answer_of(const DicomWriter& image, const Findings& findings, AnswerOptions options = {}) {
    return make_answer(read_source(span_of(bytes_of(image)), "test"), findings, options, 1'700'000'000);
}

AnswerOptions all_objects() {
    AnswerOptions options;
    options.capture = options.presentation = true;
    options.station = "KEEL";
    return options;
}

constexpr dicom::Tag kContent = 0x0040A730, kConcept = 0x0040A043, kValue = 0x00080100, kMeaning = 0x00080104;

/// Calls visit(item) for every content item of a report.
void for_content(const Parsed& item, const std::function<void(const Parsed&)>& visit) {
    visit(item);
    if (const auto found = item.items.find(kContent); found != item.items.end())
        for (const Parsed& child : found->second) for_content(child, visit);
}

/// The items of a concept.
std::vector<Parsed> content_of(const Parsed& report, const std::string& code) {
    std::vector<Parsed> found;
    for_content(report, [&](const Parsed& item) {
        const auto name = item.items.find(kConcept);
        if (name != item.items.end() && name->second[0].at(kValue) == code) found.push_back(item);
    });
    return found;
}

}  // namespace

TEST_CASE("a report belongs to its image's patient and study", "[serve]") {
    const std::vector<AnswerObject> objects = answer_of(xray(1), sample_findings());
    REQUIRE(objects.size() == 1);
    const Parsed report = parse_file(objects[0].file);
    for (const auto& [tag, value] : std::map<dicom::Tag, std::string>{{0x00100010, "Surname^Given"},
                                                                      {0x00100020, "PID-4711"},
                                                                      {0x00100030, "19470213"},
                                                                      {0x00080050, "A4711"},
                                                                      {0x00080090, "Doctor^Who"},
                                                                      {0x00080020, "20240131"},
                                                                      {0x0020000D, "1.2.3.4"},
                                                                      {0x00080005, "ISO_IR 100"}})
        CHECK(report.at(tag) == value);
    CHECK(report.at(0x00080060) == "SR");
    CHECK(report.at(0x0020000E) != "1.2.3.4.5");
    CHECK(report.at(0x00080018) == objects[0].sop_instance);
    CHECK(report.at(0x0040A493) == "UNVERIFIED");
    const Parsed& series = report.item(0x0040A375).item(0x00081115);
    CHECK(report.item(0x0040A375).at(0x0020000D) == "1.2.3.4");
    CHECK(series.at(0x0020000E) == "1.2.3.4.5");
    CHECK(series.item(0x00081199).at(0x00081155) == "1.2.3.4.6.1");
    CHECK(series.item(0x00081199).at(0x00081150) == kDigitalXRay);
}

TEST_CASE("a report says each label's concept, probability, and yes or no where it was measured", "[serve]") {
    const Findings findings = sample_findings();
    const Parsed report = parse_file(answer_of(xray(1), findings)[0].file);
    const std::vector<Parsed> groups = content_of(report, "125007");
    REQUIRE(groups.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        const Parsed& number = content_of(groups[i], "111012").at(0).item(0x0040A300);
        // Seven digits are written.
        CHECK(std::abs(std::stod(number.at(0x0040A30A)) - 100.0 * findings.all[i].probability) < 1e-5);
        CHECK(number.item(0x004008EA).at(kValue) == "%");
        CHECK(content_of(groups[i], "112039").at(0).at(0x0040A160) == findings.all[i].label);
        CHECK(content_of(groups[i], "111001").at(0).at(0x0040A160) == "chexnet");
        CHECK(content_of(groups[i], "111003").at(0).at(0x0040A160) == "3");
        CHECK(content_of(groups[i], "121112").at(0).item(0x00081199).at(0x00081155) == "1.2.3.4.6.1");
    }
    const auto finding = [&](std::size_t i) { return content_of(groups[i], "121071").at(0).item(0x0040A168); };
    CHECK(finding(0).at(kValue) == "36118008");
    CHECK(finding(0).at(0x00080102) == "SCT");
    CHECK(finding(2).at(kValue) == "Odd_Label");
    CHECK(finding(2).at(0x00080102) == "99KEEL");
    CHECK(content_of(groups[0], "36118008").at(0).item(0x0040A168).at(kMeaning) == "Absent");
    CHECK(content_of(groups[1], "60046008").at(0).item(0x0040A168).at(kMeaning) == "Present");
    CHECK(content_of(groups[2], "Odd_Label").empty());
    CHECK(content_of(report, "121005").at(0).item(0x0040A168).at(kMeaning) == "Device");
    const std::string notice = content_of(report, "121106").at(0).at(0x0040A160);
    CHECK(holds(notice, "NOT A MEDICAL DEVICE"));
    CHECK(holds(notice, "Effusion: present from 25.0 % on (rule youden)"));
}

TEST_CASE("an answer's identifiers follow from the image and the model alone", "[serve]") {
    const auto uids = [](int seed, const Findings& findings) {
        std::vector<std::string> all;
        for (const AnswerObject& object : answer_of(xray(seed), findings, all_objects()))
            all.push_back(object.sop_instance);
        return all;
    };
    const std::vector<std::string> first = uids(1, sample_findings(true));
    REQUIRE(first.size() == 3);
    CHECK(first == uids(1, sample_findings(true)));
    CHECK(first[0] == report_uid("1.2.3.4.6.1", sample_findings().model_key()));
    Findings other_weights = sample_findings(true), other_version = other_weights;
    other_weights.identity = "fedcba9876543210";
    other_version.version = "4";
    std::set<std::string> all(first.begin(), first.end());
    for (const auto& more : {uids(2, sample_findings(true)), uids(1, other_weights), uids(1, other_version)})
        all.insert(more.begin(), more.end());
    CHECK(all.size() == 12);
    for (const std::string& uid : all) CHECK(uid.size() <= 44);
    // Reports of one study by one model are one series.
    const auto series = [](int seed) {
        return parse_file(answer_of(xray(seed), sample_findings())[0].file).at(0x0020000E);
    };
    CHECK(series(1) == series(2));
}

TEST_CASE("a derived UID is that of a UUID whose version and variant say that its bits are somebody's own", "[serve]") {
    const std::string uid = derived_uid("any");
    REQUIRE(uid.starts_with("2.25."));
    unsigned __int128 value = 0;
    for (const char c : uid.substr(5)) value = value * 10 + static_cast<unsigned>(c - '0');
    CHECK((static_cast<std::uint64_t>(value >> 64) >> 12 & 0xF) == 8);
    CHECK(static_cast<std::uint64_t>(value) >> 62 == 2);
    CHECK(derived_uid("any") == uid);
    CHECK(derived_uid("other") != uid);
}

TEST_CASE("a capture is the image under its heatmap, with a notice below it", "[serve]") {
    const std::vector<AnswerObject> objects = answer_of(xray(1), sample_findings(true), all_objects());
    REQUIRE(objects.size() == 3);
    CHECK(objects[1].name == "heatmap.dcm");
    const Parsed capture = parse_file(objects[1].file);
    CHECK(capture.at(0x00080016) == kSecondaryCapture);
    CHECK(capture.at(0x00080008) == "DERIVED\\SECONDARY");
    CHECK(capture.at(0x00280301) == "YES");
    CHECK(holds(capture.at(0x0008103E), kNotice));
    CHECK(capture.item(0x00082112).at(0x00081155) == "1.2.3.4.6.1");
    const SourceImage again = read_source(span_of(objects[1].file), "test");
    CHECK(again.made_by_keel);
    CHECK(again.study == "1.2.3.4");
    // Black image: the hot cell is bright, the text below it white.
    const dicom::File file = dicom::read_dicom(span_of(objects[1].file), "test");
    const dicom::Attributes& a = file.attributes;
    REQUIRE(a.pixels->value.size() >= static_cast<std::size_t>(a.rows) * static_cast<std::size_t>(a.columns) * 3);
    CHECK(a.rows > 40);
    const auto sum = [&](int y, int x) {
        const std::uint8_t* p = a.pixels->value.data() + (static_cast<std::ptrdiff_t>(y) * a.columns + x) * 3;
        return p[0] + p[1] + p[2];
    };
    CHECK(sum(25, 30) > 200);
    CHECK(sum(2, 2) < 30);
    int white = 0;
    for (int y = 40; y < a.rows; ++y)
        for (int x = 0; x < a.columns; ++x) white += sum(y, x) == 765 ? 1 : 0;
    CHECK(white > 200);
}

TEST_CASE("a large image's capture is reduced", "[serve]") {
    Findings findings = sample_findings(true);
    findings.image = Image(2500, 2048, 1, 16);
    const std::vector<AnswerObject> objects = answer_of(xray(1), findings, all_objects());
    const dicom::File file = dicom::read_dicom(span_of(objects.at(1).file), "test");
    CHECK(file.attributes.columns == 833);
}

TEST_CASE("marks show the image as it is meant to be shown, and the hot place outlined", "[serve]") {
    const std::vector<AnswerObject> objects = answer_of(xray(1), sample_findings(true), all_objects());
    REQUIRE(objects.size() == 3);
    const Parsed marks = parse_file(objects[2].file);
    CHECK(marks.at(0x00080060) == "PR");
    CHECK(marks.item(0x00081115).item(0x00081140).at(0x00081155) == "1.2.3.4.6.1");
    CHECK(marks.item(0x00283110).at(0x00281050) == "2000");
    CHECK(marks.item(0x00283110).at(0x00281051) == "3000");
    CHECK(marks.at(0x20500020) == "IDENTITY");
    const Parsed& annotation = marks.item(0x00700001);
    CHECK(holds(annotation.item(0x00700008).at(0x00700006), kNotice));
    CHECK(holds(annotation.item(0x00700008).at(0x00700006), "Effusion 98.7 %"));
    // Cells 1 and 2 of the row 2 of 4 x 4 over 48 x 40 pixels, counted from 1; the hot cell in the corner is apart.
    const std::string raw = annotation.item(0x00700009).raw.at(0x00700022);
    std::array<float, 10> box{};
    REQUIRE(raw.size() == sizeof box);
    std::memcpy(box.data(), raw.data(), sizeof box);
    CHECK(box == std::array<float, 10>{13, 21, 36, 21, 36, 30, 13, 30, 13, 21});
}

TEST_CASE("marks follow what the image says of its grey levels", "[serve]") {
    DicomWriter inverted = xray(1);
    inverted.text(0x00280004, "CS", "MONOCHROME1");
    inverted.remove(0x00281050);
    inverted.remove(0x00281051);
    inverted.text(0x00281052, "DS", "-1000");
    inverted.text(0x00281053, "DS", "2");
    const Parsed marks = parse_file(answer_of(inverted, sample_findings(true), all_objects()).at(2).file);
    CHECK(marks.at(0x20500020) == "INVERSE");
    // 4096 values of slope 2 from -1000 on.
    CHECK(marks.item(0x00283110).at(0x00281051) == "8192");
    CHECK(marks.item(0x00283110).at(0x00281050) == "3096");
    CHECK(marks.at(0x00281053) == "2");
    // A table makes the values: no line that a state could say.
    DicomWriter table = xray(1), item;
    item.words(0x00283002, "US", {2, 0, 16});
    item.words(0x00283006, "US", {0, 65535});
    table.sequence(0x00283000, {&item});
    CHECK(answer_of(table, sample_findings(true), all_objects()).size() == 2);
}

TEST_CASE("without a heatmap the report comes alone", "[serve]") {
    CHECK(answer_of(xray(1), sample_findings(), all_objects()).size() == 1);
    CHECK_THROWS_AS(answer_of(xray(1), Findings{}), UsageError);
}

TEST_CASE("what an image says of its patient is copied where it is a value of its kind", "[serve]") {
    DicomWriter image = xray(1);
    image.text(0x00100010, "PN", std::string("Na\nme"));
    image.text(0x00100020, "LO", std::string(2000, 'x'));
    image.text(0x00100030, "DA", "13.2.1947");
    image.text(0x00100040, "CS", "female");
    const SourceImage source = read_source(span_of(bytes_of(image)), "test");
    CHECK(source.left_out == std::vector<dicom::Tag>{0x00100010, 0x00100020, 0x00100030, 0x00100040});
    const Parsed report = parse_file(make_answer(source, sample_findings(), {}, 0)[0].file);
    CHECK(report.at(0x00100010).empty());
    CHECK(report.at(0x00100020).empty());
    CHECK(report.at(0x00080050) == "A4711");
}

TEST_CASE("an object that does not say which it is, or is no image, is refused", "[serve]") {
    for (const dicom::Tag tag : {0x00080016U, 0x00080018U, 0x0020000DU, 0x0020000EU}) {
        DicomWriter image = xray(1);
        image.remove(tag);
        CHECK_THROWS_WITH(read_source(span_of(bytes_of(image)), "x"), contains("UID, it has none"));
        image.text(tag, "UI", "1.2/../../etc");
        CHECK_THROWS_WITH(read_source(span_of(bytes_of(image)), "x"), contains("UID is none"));
    }
    CHECK_THROWS_AS(read_source(span_of("GIF89a and so on, long enough to be looked at"), "x"), InputError);
    DicomWriter empty = xray(1);
    empty.word(0x00280010, 0);
    CHECK_THROWS_WITH(read_source(span_of(bytes_of(empty)), "x"), contains("no rows or columns"));
    const std::string whole = bytes_of(xray(1));
    for (const std::size_t size : {std::size_t{140}, whole.size() / 2, whole.size() - 3})
        CHECK_THROWS_AS(read_source(span_of(whole.substr(0, size)), "x"), InputError);
    const SourceImage source = read_source(span_of(whole), "x");
    CHECK_THROWS_AS(check_claim(source, {kComputedRadiography, "1.2.3.4.6.1"}, "x"), InputError);
    CHECK_THROWS_AS(check_claim(source, {kDigitalXRay, "1.2.3.4.6.2"}, "x"), InputError);
    CHECK_NOTHROW(check_claim(source, {kDigitalXRay, "1.2.3.4.6.1"}, "x"));
}

}  // namespace keel::dicom_node::answer_tests
