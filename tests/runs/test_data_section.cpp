#include "runs/report/data_section.h"

#include <string>
#include <vector>

#include "engine/json.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::report;
using keel::test::contains;

namespace {

RunData run_with(const char* data) {
    RunData run;
    run.data = parse_json(data);
    return run;
}

constexpr const char* kData = R"({"labels": ["A<", "B"],
    "splits": {
        "train": {"line": "train: 5 samples of 4 patients, folder <x>", "samples": 5, "patients": 4, "unused": 2,
                  "per_label": [3, 1], "origin": "folder <x>"},
        "val": {"line": "val: 2 samples", "samples": 2, "patients": 0, "unused": 0, "per_label": [2]}},
    "remarks": [
        {"warning": false, "text": "train: not known of every sample: B", "split": "train"},
        {"warning": true, "text": "class <B> has few", "split": "train"},
        {"warning": true, "text": "B & more"}]})";

}  // namespace

TEST_CASE("A row a split says what was found, used and left out, and why", "[data_section]") {
    const std::string html = data_html(run_with(kData));
    CHECK_THAT(html, contains("<td>train</td><td>5</td><td>3</td><td>4</td><td>folder &lt;x&gt;</td>"
                              "<td>train: not known of every sample: B<br/>Warning: class &lt;B&gt; has few</td>") &&
                         contains("<td>val</td><td>2</td><td>2</td><td>–</td><td>–</td><td>–</td>"));
    CHECK_THAT(html, contains("<p class=\"note\">Warning: B &amp; more</p>") &&
                         !contains("<p class=\"note\">train: not known"));
    CHECK_THAT(html, contains("<td>A&lt;</td><td>3</td><td>2</td>") && contains("<td>B</td><td>1</td><td>–</td>"));
}

TEST_CASE("A run that did not record its data says so, one that recorded less shows that", "[data_section]") {
    CHECK_THAT(data_html({}), contains("did not record what it found"));
    CHECK(data_row({}) == std::vector<std::string>{"–", "–", "–", "–"});
    const RunData older = run_with(R"({"labels": ["A"], "splits": {"train": {"samples": 5, "per_label": [3]}},
        "remarks": [{"warning": false, "text": "train: 5 samples"}]})");
    CHECK_THAT(data_html(older), contains("<td>train</td><td>5</td><td>–</td><td>–</td><td>–</td><td>–</td>") &&
                                     contains("<p class=\"note\">train: 5 samples</p>"));
    CHECK(data_row(older) == std::vector<std::string>{"–", "–", "–", "0"});
}

TEST_CASE("Damaged records of data are shown as far as they go", "[data_section]") {
    for (const char* damaged :
         {R"({"labels": 1, "splits": [1, 2], "remarks": {"a": 1}})", "{}",
          R"({"splits": {"train": {"samples": "x", "per_label": [[]], "patients": -3, "origin": 7}}, "labels": [{}]})",
          R"({"splits": {"train": {"samples": -9223372036854775808, "unused": 1}}, "remarks": "text"})",
          R"({"splits": {"train": 5}, "remarks": [5, {"split": 5, "text": "a"}, {"split": "train"}]})"}) {
        CAPTURE(damaged);
        const RunData run = run_with(damaged);
        CHECK_NOTHROW(data_html(run));
        CHECK(data_row(run).size() == data_columns().size());
        CHECK(new_remarks(run, {{true, "b"}}).size() == 1);
    }
}

TEST_CASE("Runs are compared by the samples that they used", "[data_section]") {
    CHECK(data_row(run_with(kData)) == std::vector<std::string>{"3", "2", "–", "2"});
}

TEST_CASE("What is said of data now and was not then is new", "[data_section]") {
    const std::vector<Remark> now{{false, "val: 2 samples"}, {false, "train: 6 samples"}, {true, "B & more"}};
    const auto others = new_remarks(run_with(kData), now);
    REQUIRE(others.size() == 1);
    CHECK(others[0].text == "train: 6 samples");
    CHECK(new_remarks({}, now).empty());
}
