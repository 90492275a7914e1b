#include "runs/score_table.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr const char* kKnown[] = {"Mass", "Hernia", "Edema"};

struct Table {
    TemporaryFolder folder;
    ScoreTable read(const std::string& text, const std::vector<std::string>& wanted = {"Hernia", "Mass"}) const {
        write_text(folder / "scores.csv", text);
        return read_score_table(folder / "scores.csv", kKnown, wanted);
    }
    std::string refusal(const std::string& text) const {
        try {
            read(text);
        } catch (const InputError& error) {
            return error.what();
        }
        return "";
    }
};

}  // namespace

TEST_CASE("Columns are found by name, wherever they stand and whichever way they are called", "[score_table]") {
    const Table table;
    const ScoreTable scores = table.read(
        "Mass,Image Index,true_Mass,class,prob_Hernia,Edema\r\n-3.5,a.png,x,y,0.25,bad\r\n1e3,\"b,c\",,,0,\r\n\r\n");
    CHECK(scores.names == std::vector<std::string>{"a.png", "b,c"});
    CHECK(scores.scores == std::vector<double>{0.25, -3.5, 0, 1000});
    CHECK(table.read("Image Index,Mass\n", {"Mass"}).names.empty());
}

TEST_CASE("Tables are read as spreadsheets and other programs write them", "[score_table]") {
    const Table table;
    const auto same = [&](const std::string& text) {
        const ScoreTable scores = table.read(text);
        CHECK(scores.names == std::vector<std::string>{"a.png", "b.png"});
        CHECK(scores.scores == std::vector<double>{0.25, 0.5, 1e-3, -2});
        return scores.left_out;
    };
    CHECK(same("Image Index,Hernia,Mass\na.png,0.25,0.5\nb.png,1E-3,-2\n").empty());
    CHECK(
        same("Image Index;Hernia;Mass\na.png;0,25;0,5\nb.png;1E-3;-2\n").empty());  // of a country with a decimal comma
    CHECK(same("Image Index\tHernia\tMass\na.png\t0.25\t0.5\nb.png\t1E-3\t-2\n").empty());
    CHECK(same(",Image Index,Hernia,Mass\n0,a.png,0.25,0.5\n1,b.png,1E-3,-2\n").empty());  // an index without a name
    CHECK(same("Image Index, Hernia , Mass\na.png, 0.25, 0.5\n b.png , +1E-3,-2 \n").empty());
    CHECK(same("image_index,HERNIA,prob_mass\na.png,0.25,0.5\nb.png,1E-3,-2\n").empty());
    CHECK(same("Image Index,Hernia,Mass,No Finding,Lung Lesion\na.png,0.25,0.5,x,y\nb.png,1E-3,-2,,\n") ==
          std::vector<std::string>{"No Finding", "Lung Lesion"});
    const ScoreTable rich =
        table.read("Image Index,prob_Mass,true_Mass,patient,attr_sex,attr_age\na,1,0,3,F,58\nb,0,1,,M,\n", {"Mass"});
    CHECK(rich.patients == std::vector<std::string>{"3", ""});
    CHECK(rich.attribute_names == std::vector<std::string>{"sex", "age"});
    CHECK(rich.attributes == std::vector<std::string>{"F", "58", "M", ""});
    for (const char* bad : {"+", "++1", "+-1", "1,5,0", "0,5"}) {
        CHECK_FALSE(table.refusal("Image Index,Mass,Hernia\na,\"" + std::string(bad) + "\",0\n").empty());
    }
}

TEST_CASE("Tables of scores that do not fit are refused with file and line", "[score_table]") {
    const Table table;
    const std::string head = "Image Index,Mass,Hernia\n";
    CHECK_THAT(table.refusal(""), contains("scores.csv is empty"));
    CHECK_THAT(table.refusal("Mass,Hernia\n"), contains("scores.csv:1: no column 'Image Index'"));
    CHECK_THAT(table.refusal("Image Index,Mass\n"), contains("no column 'prob_Hernia' or 'Hernia'"));
    CHECK_THAT(table.refusal("Image Index,Mass,Hernia,Mas\n"), contains("unknown label 'Mas', did you mean 'Mass'?"));
    CHECK_THAT(table.refusal("Image Index,Mass,Hernia,prob_Mass\n"), contains("'prob_Mass' comes twice"));
    CHECK_THAT(table.refusal("Image Index,Mass,Hernia,Image Index\n"), contains("'Image Index' comes twice"));
    CHECK_THAT(table.refusal(head + "a,1\n"), contains("scores.csv:2: wanted 3 fields, got 2"));
    CHECK_THAT(table.refusal(head + ",1,2\n"), contains("the image's name is empty"));
    CHECK_THAT(table.refusal(head + "a,1,2\na,3,4\n"), contains("scores.csv:3: a has a row already"));
    for (const char* bad : {"nan", "inf", "", "0.5x", "1e999", "half"})
        CHECK_THAT(table.refusal(head + "a,1," + bad + "\n"),
                   contains(std::string("wanted a finite number, got '") + bad + "'"));
    CHECK_THROWS_AS(read_score_table(table.folder / "none.csv", kKnown, {}), IoError);
}
