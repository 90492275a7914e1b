// keel score, from files to its result.
#include <array>
#include <cmath>

#include "data/sources/nih_table.h"
#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;
using json = keel::Json;

namespace {

const std::string kHead = "Image Index,Finding Labels,Patient ID\n";

/// The generator of tests/engine/make_score_golden.py.
struct Draws {
    std::uint64_t state;
    std::uint64_t below(std::uint64_t n) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return (state >> 33) % n;
    }
};

ProgramResult score(const TemporaryFolder& folder, const std::string& predictions, const std::string& labels,
                    const Arguments& more = {"--json"}) {
    write_text(folder / "p.csv", predictions);
    write_text(folder / "l.csv", labels);
    Arguments line{"score", "--predictions", folder / "p.csv", "--labels", folder / "l.csv"};
    line.insert(line.end(), more.begin(), more.end());
    return run_keel(line);
}

struct Files {
    std::string predictions, labels, only;
};

/// A label for each of the golden cases of one size (at most 14), their samples as rows.
Files files_of(const std::vector<json>& cases, std::size_t samples) {
    std::vector<std::string> scores(samples), findings(samples);
    Files files{"Image Index", kHead, ""};
    for (std::size_t k = 0; k < cases.size(); ++k) {
        const std::string label = nih_labels()[k];
        files.predictions += (k % 2 == 0 ? ",prob_" : ",") + label;
        files.only += (k == 0 ? "" : ",") + label;
        Draws draws{cases[k].at("seed")};
        const std::uint64_t levels = cases[k].at("levels"), share = cases[k].at("positives_per_mille");
        for (std::size_t i = 0; i < samples; ++i) {
            std::array<char, 40> text{};
            std::snprintf(text.data(), text.size(), ",%.17g",
                          static_cast<double>(draws.below(levels)) / static_cast<double>(levels));
            scores[i] += text.data();
            if (draws.below(1000) < share) findings[i] += (findings[i].empty() ? "" : "|") + label;
        }
    }
    files.predictions += "\n";
    for (std::size_t i = 0; i < samples; ++i) {
        files.predictions += std::to_string(i) + ".png" + scores[i] + "\n";
        const std::size_t j = samples - 1 - i;  // joined by name, not by place
        files.labels += std::to_string(j) + ".png," + (findings[j].empty() ? "No Finding" : findings[j]) + ",1\n";
    }
    return files;
}

}  // namespace

TEST_CASE("keel score: AUROC and average precision are scikit-learn's", "[score]") {
    const json golden = keel::parse_json(keel::test::read_text(KEEL_SOURCE_DIR "/tests/engine/golden/scores.json"));
    const TemporaryFolder folder;
    for (const std::size_t samples : {10U, 100U, 1000U, 20000U}) {
        std::vector<json> cases;
        for (const json& entry : golden)
            if (entry.at("samples") == samples && cases.size() < 14) cases.push_back(entry);
        REQUIRE(cases.size() > 5);
        const Files files = files_of(cases, samples);
        const ProgramResult result = score(folder, files.predictions, files.labels, {"--json", "--only", files.only});
        INFO(result.err);
        REQUIRE(result.code == 0);
        const json object = parse_json(result.out);
        CHECK(object.at("samples") == samples);
        double sum = 0;
        for (std::size_t k = 0; k < cases.size(); ++k) {
            INFO(cases[k]);
            const std::string label = nih_labels()[k];
            CHECK(std::abs(object.at("auroc").at(label).get<double>() - cases[k].at("auroc").get<double>()) < 1e-12);
            CHECK(std::abs(object.at("average_precision").at(label).get<double>() -
                           cases[k].at("average_precision").get<double>()) < 1e-12);
            sum += cases[k].at("auroc").get<double>();
        }
        CHECK(std::abs(object.at("auroc").at("mean").get<double>() - sum / static_cast<double>(cases.size())) < 1e-12);
    }
}

TEST_CASE("keel score: every figure of a small table, by hand", "[score]") {
    const TemporaryFolder folder;
    const std::string labels = kHead + "a,Mass,1\nb,Mass|Hernia,1\nc,No Finding,2\nd,Nodule,3\nz,Mass,4\n";
    const std::string predictions =
        "true_Mass,prob_Mass,Image Index,Nodule\n1,0.9,a,5\n1,0.5,b,1\n0,0.5,c,2\n0,0.1,d,3\n1,0.3,extra,4\n";
    const ProgramResult result = score(folder, predictions, labels, {"--json", "--only", "Mass,Nodule"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    const json object = parse_json(result.out);
    CHECK(object.at("samples") == 4);
    CHECK(object.at("auroc").at("Mass") == 3.5 / 4);
    CHECK(object.at("auroc").at("Nodule") == 2.0 / 3);
    CHECK(object.at("auroc").at("mean").get<double>() == Approx((3.5 / 4 + 2.0 / 3) / 2));
    CHECK(object.at("auroc_interval").at("Mass").at(0) < 3.5 / 4);
    CHECK(object.at("auroc_interval").at("Nodule").is_null());  // one positive has no variance
    CHECK(object.at("best_f1").at("Mass").at("threshold") == 0.5);
    CHECK(object.at("best_f1").at("Mass").at("f1").get<double>() == Approx(0.8));
    CHECK(object.at("calibration_error").at("Mass").get<double>() == Approx((0.1 + 0 + 0 + 0.1) / 4));
    CHECK(object.at("calibration_error").at("Nodule").is_null());  // no probabilities
    CHECK(object.at("positives").at("Mass") == 2);
    CHECK(object.at("without_label") == json{{"count", 1}, {"names", {"extra"}}});
    CHECK(object.at("without_prediction") == json{{"count", 1}, {"names", {"z"}}});
    CHECK_THAT(result.err, contains("1 predictions have no label and are left out: extra\n"));
    CHECK_THAT(result.err, contains("1 labelled images have no prediction and are left out: z\n"));

    const ProgramResult text = score(folder, predictions, labels, {"--only", "Mass,Nodule"});
    CHECK_THAT(text.out, contains("0.8750"));
    CHECK_THAT(text.out, contains("undefined"));

    write_text(folder / "list.txt", "a\nc\r\n");
    const json listed =
        parse_json(score(folder, predictions, labels, {"--json", "--only", "Mass", "--list", folder / "list.txt"}).out);
    CHECK(listed.at("samples") == 2);
    CHECK(listed.at("auroc").at("Mass") == 1);
    CHECK(listed.at("without_label").at("count") == 3);
    CHECK(listed.at("without_prediction").at("count") == 0);
}

TEST_CASE("keel score: names at most ten of the rows that one side lacks", "[score]") {
    const TemporaryFolder folder;
    std::string predictions = "Image Index,Mass\na,1\nb,0\n";
    for (int i = 0; i < 12; ++i) predictions += "x" + std::to_string(i) + ",0\n";
    const ProgramResult result =
        score(folder, predictions, kHead + "a,Mass,1\nb,No Finding,1\n", {"--json", "--only", "Mass"});
    REQUIRE(result.code == 0);
    const json object = parse_json(result.out);
    CHECK(object.at("without_label").at("count") == 12);
    CHECK(object.at("without_label").at("names").size() == 10);
    CHECK_THAT(result.err, contains("x9, ...\n"));
}

TEST_CASE("keel score: hostile tables end with 3 and the line", "[score]") {
    const TemporaryFolder folder;
    const std::string labels = kHead + "a,Mass,1\nb,No Finding,1\n", head = "Image Index,Mass\n", huge(1 << 20, 'x');
    const auto [text, message] = GENERATE_COPY(table<std::string, std::string>({
        {"", "p.csv is empty"},
        {"Image,Mass\na,1\n", "p.csv:1: unknown label 'Image'"},
        {"Mass\n1\n", "p.csv:1: no column 'Image Index'"},
        {"Image Index\na\n", "p.csv:1: no column 'prob_Mass' or 'Mass'; --only scores the labels that are there"},
        {"Image Index,prob_Mas,Mass\n", "p.csv:1: unknown label 'Mas', did you mean 'Mass'?"},
        {"Image Index,prob_Mass,Mass\n", "p.csv:1: the column 'Mass' comes twice"},
        {"Image Index,Mass,Image Index\n", "p.csv:1: the column 'Image Index' comes twice"},
        {head + "a,nan\n", "p.csv:2: wanted a finite number, got 'nan'"},
        {head + "a,inf\n", "p.csv:2: wanted a finite number, got 'inf'"},
        {head + "a,\n", "p.csv:2: wanted a finite number, got ''"},
        {head + "a,0.5x\n", "p.csv:2: wanted a finite number, got '0.5x'"},
        {head + "a,1e999\n", "p.csv:2: wanted a finite number, got '1e999'"},
        {head + "a,\x1B[31m\n", "p.csv:2: wanted a finite number, got '?[31m'"},
        {head + "a," + huge + "\n", "p.csv:2: wanted a finite number, got 'xxxx"},
        {head + "a,0.5\n\na,0.5\n", "p.csv:4: a has a row already"},
        {head + "a,0.5,1\n", "p.csv:2: wanted 2 fields, got 3"},
        {head + "a\n", "p.csv:2: wanted 2 fields, got 1"},
        {head + ",0.5\n", "p.csv:2: the image's name is empty"},
        {head + huge + ",0.5\n", "have no image in common"},
        {head, "have no image in common"},
    }));
    const ProgramResult result = score(folder, text, labels, {"--json", "--only", "Mass"});
    CAPTURE(result.err);
    CHECK(result.code == 3);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, contains(message));
    CHECK(result.err.size() < 500);
}

TEST_CASE("keel score: bad labels and options", "[score]") {
    const TemporaryFolder folder;
    const std::string good = "Image Index,Mass\na,1\n";
    CHECK(score(folder, good, "Image Index,Patient ID\na,1\n").code == 3);
    CHECK_THAT(score(folder, good, kHead + "a,Mas,1\n").err, contains("l.csv:2: unknown label 'Mas'"));
    CHECK_THAT(score(folder, good, kHead + "a,Mass,1\na,Mass,1\n").err, contains("l.csv:3: a has a row already"));
    CHECK_THAT(score(folder, good, kHead).err,
               contains("prob_Atelectasis"));  // all 14 are wanted where --only is not given
    const ProgramResult only = score(folder, good, kHead + "a,Mass,1\n", {"--only", "Mass,Nodul"});
    CHECK(only.code == 2);
    CHECK_THAT(only.err, contains("there is no label 'Nodul', did you mean 'Nodule'?"));
    write_text(folder / "list.txt", "elsewhere\n");
    CHECK_THAT(score(folder, good, kHead + "a,Mass,1\n", {"--only", "Mass", "--list", folder / "list.txt"}).err,
               contains("names no image of the label file"));
    CHECK(run_keel({"score", "--predictions", folder / "none.csv", "--labels", folder / "l.csv"}).code == 5);
    CHECK(run_keel({"score", "--predictions", folder / "p.csv"}).code == 2);
}
