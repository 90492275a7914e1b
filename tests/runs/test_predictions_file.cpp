#include "runs/predictions_file.h"

#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

ModelSpec spec_of(bool multi_label, const std::vector<std::string>& labels) {
    ModelSpec spec;
    spec.multi_label = multi_label;
    spec.label_names = labels;
    return spec;
}

std::string refusal(const TemporaryFolder& folder, const std::string& text) {
    write_text(folder / "p.csv", text);
    try {
        read_predictions(folder / "p.csv");
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("Predictions come back from their file, labels and classes", "[predictions]") {
    const TemporaryFolder folder;
    Predictions p;
    p.names = {"a.png", "with,comma \"quoted\".png"};
    p.probabilities = {0.1F, 1.0F / 3, 1, 0};
    SECTION("a line end in a name does not end the row") {
        p.labels = {1, 0};
        p.names[0] = "two\nlines\r.png";
        write_text(folder / "p.csv", predictions_csv(spec_of(false, {"cat", "dog"}), p));
        CHECK(read_predictions(folder / "p.csv").predictions.names[0] == "two lines .png");
    }
    SECTION("labels") {
        p.targets = {1, -1, 0, 1};
        write_text(folder / "p.csv", predictions_csv(spec_of(true, {"A", "B,b"}), p));
        const StoredPredictions back = read_predictions(folder / "p.csv");
        CHECK(back.multi_label);
        CHECK(back.labels == std::vector<std::string>{"A", "B,b"});
        CHECK(back.predictions.names == p.names);
        CHECK(back.predictions.probabilities == p.probabilities);  // 9 digits tell floats apart
        CHECK(back.predictions.targets == p.targets);
        CHECK(back.column(1).targets == std::vector<float>{-1, 1});
        CHECK(back.column(1).scores == std::vector<double>{double{1.0F / 3}, 0});
    }
    SECTION("classes") {
        p.labels = {1, 0};
        write_text(folder / "p.csv", predictions_csv(spec_of(false, {"cat", "dog"}), p));
        const StoredPredictions back = read_predictions(folder / "p.csv");
        CHECK_FALSE(back.multi_label);
        CHECK(back.predictions.labels == p.labels);
        CHECK(back.column(0).targets == std::vector<float>{0, 1});
    }
}

TEST_CASE("Predictions keep patients, as numbers, and attributes", "[predictions]") {
    const TemporaryFolder folder;
    Predictions p;
    p.names = {"a", "b", "c", "d"};
    p.probabilities = {0.1F, 0.2F, 0.3F, 0.4F};
    p.targets = {1, 0, 0, -1};
    p.patients = {"Doe^Jane", "", "Roe^Richard", "Doe^Jane"};
    p.attribute_names = {"sex", "odd,name"};
    p.attributes = {"F", "1", "", "", "M", "x\"y", "F", "3"};
    const std::string csv = predictions_csv(spec_of(true, {"A"}), p);
    CHECK(csv.starts_with("Image Index,prob_A,true_A,patient,attr_sex,\"attr_odd,name\"\n"));
    CHECK(csv.find("Doe") == std::string::npos);
    write_text(folder / "p.csv", csv);
    const StoredPredictions back = read_predictions(folder / "p.csv");
    CHECK(back.predictions.patients == std::vector<std::string>{"1", "", "2", "1"});
    CHECK(back.predictions.attribute_names == p.attribute_names);
    CHECK(back.predictions.attributes == p.attributes);
    CHECK(back.predictions.targets == p.targets);
    CHECK(holds_truth(folder / "p.csv"));

    p.patients.assign(4, "");  // nobody knows
    p.labels = {0, 0, 0, 0};
    write_text(folder / "p.csv", predictions_csv(spec_of(false, {"A"}), p));
    const StoredPredictions classes = read_predictions(folder / "p.csv");
    CHECK(classes.predictions.patients.empty());
    CHECK(classes.predictions.attributes == p.attributes);
    CHECK(classes.predictions.labels == p.labels);
    write_text(folder / "p.csv", predictions_csv(spec_of(true, {"A"}), p, Columns::probabilities));
    CHECK_FALSE(holds_truth(folder / "p.csv"));
    CHECK_THAT(refusal(folder, "Image Index,prob_A,true_A,patient,attr_sex\na,0.5,1,1\n"),
               contains("wanted 5 fields, got 4"));
    CHECK_THAT(refusal(folder, "Image Index,prob_A,true_A,attr_sex,patient\na,0.5,1,F,1\n"),
               contains("columns after them"));
}

TEST_CASE("Files that are no predictions are refused by line", "[predictions]") {
    const TemporaryFolder folder;
    const std::string head = "Image Index,prob_A,true_A\n";
    CHECK_THAT(refusal(folder, ""), contains("is empty"));
    CHECK_THAT(refusal(folder, "name,prob_A,true_A\n"), contains("p.csv:1"));
    CHECK_THAT(refusal(folder, "Image Index\n"), contains("there is no label"));
    CHECK_THAT(refusal(folder, "Image Index,prob_A,true_B\n"), contains("'true_B' came"));
    CHECK_THAT(refusal(folder, "Image Index,prob_A\n"), contains("1 labels and 0 columns"));
    CHECK_THAT(refusal(folder, head + "a,0.5\n"), contains("p.csv:2: wanted 3 fields, got 2"));
    for (const char* bad : {"nan", "1.5", "-0.1", "x", ""})
        CHECK_THAT(refusal(folder, head + "a," + bad + ",1\n"), contains("wanted a probability"));
    CHECK_THAT(refusal(folder, head + "a,0.5,2\n"), contains("wanted 0 or 1, got '2'"));
    CHECK_THAT(refusal(folder, "Image Index,prob_A,prob_B,class\na,0.5,0.5,C\n"), contains("there is no class 'C'"));
    CHECK(refusal(folder, head).empty());
}
