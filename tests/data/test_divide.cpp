#include "data/sources/divide.h"

#include <algorithm>
#include <set>

#include "data/sources/name_pattern.h"
#include "data/sources/sources.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/dicom_writer.h"
#include "tests/support/optional_parts.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;
using keel::test::DicomWriter;
using keel::test::TemporaryFolder;
using keel::test::write_text;

namespace {

/// `counts[c]` samples of class c, called "c/i.png".
std::vector<Sample> patients_of(const std::vector<int>& counts) {
    std::vector<Sample> samples;
    for (std::size_t c = 0; c < counts.size(); ++c)
        for (int i = 0; i < counts[c]; ++i) {
            samples.emplace_back().name = std::to_string(c) + "/" + std::to_string(i) + ".png";
            samples.back().label = static_cast<std::int32_t>(c);
        }
    return samples;
}

std::vector<std::int64_t> counts_of(const std::vector<Sample>& samples, std::size_t classes) {
    std::vector<std::int64_t> counts(classes);
    for (const Sample& sample : samples) ++counts[static_cast<std::size_t>(sample.label)];
    return counts;
}

std::vector<std::int64_t> divided(const std::vector<int>& counts, double fraction) {
    std::vector<Sample> from = patients_of(counts), to;
    divide(from, to, fraction, {});
    CHECK(from.size() + to.size() == patients_of(counts).size());
    return counts_of(to, counts.size());
}

DatasetContents contents_of(std::vector<std::string> names) {
    DatasetContents contents;
    contents.label_names = {"A"};
    for (std::string& name : names) {
        contents.splits[0].emplace_back().name = std::move(name);
        contents.splits[0].back().label = 0;
    }
    return contents;
}

}  // namespace

TEST_CASE("Every class gives its share, and one at least", "[divide]") {
    CHECK(divided({20, 20}, 0.5) == std::vector<std::int64_t>{10, 10});
    CHECK(divided({25, 25}, 0.1) == std::vector<std::int64_t>{3, 2});  // 5 in all
    CHECK(divided({1000, 3}, 0.1) == std::vector<std::int64_t>{100, 1});
    CHECK(divided({2, 2, 2}, 0.9) == std::vector<std::int64_t>{1, 1, 1});
    CHECK(divided({5, 1, 0}, 0.2) == std::vector<std::int64_t>{1, 0, 0});
    CHECK(divided({20, 20}, 0) == std::vector<std::int64_t>{0, 0});
}

TEST_CASE("The choice depends on names and the seed, not on the order of the samples", "[divide]") {
    const auto chosen = [](bool reversed, std::uint64_t seed) {
        std::vector<Sample> from = patients_of({40, 10}), to;
        if (reversed) std::ranges::reverse(from);
        DatasetOptions options;
        options.split_seed = seed;
        divide(from, to, 0.2, options);
        std::set<std::string> names;
        for (const Sample& sample : to) names.insert(sample.name);
        return names;
    };
    CHECK(chosen(false, 0) == chosen(true, 0));
    CHECK(chosen(false, 0) != chosen(false, 1));
}

TEST_CASE("A patient's samples stay together", "[divide]") {
    std::vector<Sample> from = patients_of({60, 60}), to;
    for (std::size_t i = 0; i < from.size(); ++i) from[i].patient = "p" + std::to_string(i / 4);
    divide(from, to, 0.2, {});
    CHECK(counts_of(to, 2) == std::vector<std::int64_t>{12, 12});
    std::set<std::string> there, here;
    for (const Sample& sample : to) there.insert(sample.patient);
    for (const Sample& sample : from) here.insert(sample.patient);
    CHECK((there.size() == 6 && here.size() == 24));
    for (const std::string& patient : there) CHECK_FALSE(here.contains(patient));
}

TEST_CASE("By the old rule samples are held out whatever their class", "[divide]") {
    std::vector<Sample> from = patients_of({30, 30}), to, same = from, expected;
    DatasetOptions old;
    old.split_rule = "old";
    divide(from, to, 0.1, old);
    split_off(same, expected, 0.1, 0);
    REQUIRE(to.size() == 6);
    for (std::size_t i = 0; i < to.size(); ++i) CHECK(to[i].name == expected[i].name);
    CHECK(divided_text(0.1, "all", from, old) == "10 % of all, seed 0, not stratified");
    CHECK(divided_text(0.1, "all", from, {}) == "10 % of all, seed 0, of each class");
    from[0].patient = "p";
    CHECK(divided_text(0.1, "all", from, {}) == "10 % of all, seed 0, by patient, of each class");
}

TEST_CASE("Patients are named by the first group of a pattern", "[divide]") {
    if (!keel::test::has_patterns()) return;
    DatasetContents contents = contents_of({"A/person1_bacteria_2.png", "A/person1_virus_3.png", "A/x.png"});
    DatasetOptions options;
    options.group_by = R"((person\d+)_)";
    name_patients(contents, options);
    CHECK(contents.splits[0][0].patient == "person1");
    CHECK(contents.splits[0][1].patient == "person1");
    CHECK(contents.splits[0][2].patient.empty());
    REQUIRE(contents.remarks.size() == 2);
    CHECK_THAT(contents.remarks[0].text, contains("2 images of 1 patients"));
    CHECK(contents.remarks[1].warning);
    CHECK_THAT(contents.remarks[1].text, contains("A/x.png"));
    options.group_by = "([0-9]+";
    CHECK_THROWS_AS(name_patients(contents, options), UsageError);
    options.group_by = "nobody";
    CHECK_THROWS_AS(name_patients(contents, options), InputError);
    // A pattern that backtracking programs need longer than the universe's age for.
    CHECK_FALSE(NamePattern("(a*)*b").first_group(std::string(5000, 'a') + "c").has_value());
    CHECK(NamePattern("b+").first_group("abba") == "bb");
}

TEST_CASE("Names that tell patients are noticed", "[divide]") {
    const auto hints = [](int patients, int images, const std::string& between) {
        std::vector<std::string> names;
        for (int p = 0; p < patients; ++p)
            for (int i = 0; i < images; ++i)
                names.push_back("A/person" + std::to_string(p) + between + std::to_string(i) + ".png");
        return patient_hint(contents_of(names).splits[0]);
    };
    REQUIRE(hints(10, 3, "_bacteria_").size() == 1);
    CHECK_FALSE(hints(10, 3, "_")[0].warning);
    CHECK_THAT(hints(10, 3, "-")[0].text, contains("3 images begin with person0") && contains("--group-by"));
    CHECK(hints(30, 1, "_").empty());  // a name each
    CHECK(hints(2, 20, "_").empty());  // classes rather than patients
    CHECK(hints(10, 3, "x").empty());
}

TEST_CASE("DICOM files say themselves whose they are", "[divide]") {
    const TemporaryFolder folder;
    DatasetContents contents = contents_of({"A/1.dcm", "A/2.dcm", "A/3.dcm", "A/none.dcm"});
    const std::string patients[] = {"123", "456", "123", ""};
    for (std::size_t i = 0; i < 4; ++i) {
        DicomWriter writer;
        writer.grey(4, 4, 8, false, 8);
        if (!patients[i].empty()) writer.text(0x00100020, "LO", patients[i]);
        writer.put(0x7FE00010, "OW", std::vector<std::uint8_t>(16));
        Sample& sample = contents.splits[0][i];
        sample.file = folder / std::to_string(i);
        const auto bytes = writer.file();
        write_text(sample.file, std::string(bytes.begin(), bytes.end()));
    }
    DatasetOptions options;
    options.group_by = "dicom";
    name_patients(contents, options);
    const std::vector<Sample>& samples = contents.splits[0];
    CHECK(samples[0].patient == samples[2].patient);
    CHECK(samples[0].patient != samples[1].patient);
    CHECK(samples[0].patient.find("123") == std::string::npos);
    CHECK(samples[3].patient.empty());
    REQUIRE(contents.remarks.size() == 2);
    CHECK_THAT(contents.remarks[0].text, contains("3 images of 2 patients"));
    CHECK_THAT(contents.remarks[1].text, contains("1 images do not match") && contains("A/none.dcm"));
}
