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
