#include "runs/metrics_files.h"

#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;
using keel::test::read_text;
using keel::test::TemporaryFolder;
using keel::test::write_text;

namespace {

/// What is left of metrics.csv up to epoch 9; `remarks` is how many were made.
std::string cut_csv(const std::string& text, std::size_t remarks) {
    const TemporaryFolder folder;
    write_text(folder / "metrics.csv", text);
    const auto said = cut_metrics(folder / "metrics.csv", MetricsForm::csv, 9);
    CHECK(said.size() == remarks);
    for (const std::string& line : said) CHECK_THAT(line, contains("metrics.csv:") && contains(".damaged"));
    CHECK(std::filesystem::exists(folder / "metrics.csv.damaged") == (remarks > 0));
    if (remarks > 0) CHECK(read_text(folder / "metrics.csv.damaged") == text);
    return read_text(folder / "metrics.csv");
}

}  // namespace

TEST_CASE("Blank lines, other line ends and half a last line do not matter to metrics", "[metrics]") {
    const std::string whole = "epoch,\"a,b\"\n1,2\n2,3\n";
    CHECK(cut_csv(whole, 0) == whole);
    CHECK(cut_csv("epoch,\"a,b\"\n1,2\n\n2,3\n", 0) == whole);
    CHECK(cut_csv("\nepoch,\"a,b\"\n1,2\n2,3\n \t\n\n", 0) == whole);
    CHECK(cut_csv("epoch,\"a,b\"\r\n1,2\r\n2,3\r\n", 0) == whole);
    CHECK(cut_csv("epoch,\"a,b\"\n1,2\n2,3\n3,", 0) == whole);
    CHECK(cut_csv("epoch,\"a,b\"\n1,2\n2,3\n12,4\n", 0) == whole);
    CHECK(cut_csv("", 0).empty());
    CHECK(cut_csv("epoch,lo", 0).empty());
}

TEST_CASE("Lines of metrics that are no rows are left out, told and kept beside", "[metrics]") {
    const std::string whole = "epoch,loss\n1,2\n3,4\n";
    CHECK(cut_csv("epoch,loss\n1,2\n2,0.3,4\n3,4\n", 1) == whole);  // two rows torn into one another
    CHECK(cut_csv("epoch,loss\n1,2\n2\n3,4\n", 1) == whole);
    CHECK(cut_csv("epoch,loss\n1,2\nx\n1x,3\n3,4\n", 2) == whole);
    CHECK(cut_csv(std::string("epoch,loss\n1,2\n\0\0\0\n3,4\n", 24), 1) == whole);
    CHECK(cut_csv("1,2\n3,4\n", 2).empty());  // what the columns are nobody knows
}

TEST_CASE("Lines of JSON are treated alike", "[metrics]") {
    const TemporaryFolder folder;
    const std::string file = folder / "metrics.jsonl", one = "{\"epoch\":1}\n", three = "{\"epoch\":3}\n";
    write_text(file, one + "\r\n\n{\"epoch\":2,\n[1]\n{}\n{\"epoch\":\"1\"}\n" + three + "{\"epoch\":4");
    CHECK(cut_metrics(file, MetricsForm::jsonl, 3).size() == 4);
    CHECK(read_text(file) == one + three);
    CHECK(cut_metrics(file, MetricsForm::jsonl, 1).empty());
    CHECK(read_text(file) == one);
    CHECK(cut_metrics(folder / "none", MetricsForm::jsonl, 1).empty());
}
