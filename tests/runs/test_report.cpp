// Pages of runs that are made up here.
#include "runs/report/report.h"

#include "kernels/error.h"
#include "tests/runs/made_up_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::report;
using namespace keel::test;

namespace {

/// Every element that is opened is closed, in order; no angle bracket stands anywhere else, in attributes neither.
void check_nesting(const std::string& html) {
    const std::string body = html.substr(html.find("<body"));
    std::vector<std::string> open;
    std::size_t tags = 0;
    for (std::size_t at = body.find('<'); at != std::string::npos; at = body.find('<', at + 1), ++tags) {
        const std::size_t end = body.find('>', at);
        REQUIRE(end != std::string::npos);
        const std::string tag = body.substr(at + 1, end - at - 1);
        INFO(tag);
        CHECK(count_of(tag, "\"") % 2 == 0);
        CHECK(tag.find('<') == std::string::npos);
        const bool closes = tag.starts_with("/");
        const std::string name = tag.substr(closes ? 1 : 0, tag.find_first_of(" /", 1) - (closes ? 1 : 0));
        REQUIRE_FALSE(name.empty());
        CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
              std::string::npos);
        if (closes) {
            if (name == "html") continue;  // opened before the body
            REQUIRE_FALSE(open.empty());
            CHECK(open.back() == name);
            open.pop_back();
        } else if (!tag.ends_with("/") && name != "img" && name != "br") {
            open.push_back(name);
        }
    }
    CHECK(open.empty());
    CHECK(tags > 10);
    CHECK(count_of(body, "<") == count_of(body, ">"));
}

}  // namespace

TEST_CASE("A report stands alone and keeps what comes from outside harmless", "[report]") {
    const TemporaryFolder folder;
    for (const bool multi_label : {true, false}) {
        CAPTURE(multi_label);
        const std::string path = folder / (multi_label ? "labels <b>" : "classes");
        write_run(path, kHostile, multi_label);
        const std::string html = read_text(write_report(path));
        check_nesting(html);
        for (const char* part : {"<script", "<img src=x", "onerror=alert(2)>", "http:", "https:", "url(", "@import"})
            CHECK(count_of(html, part) == 0);
        CHECK(count_of(html, "</title>") == 1 + count_of(html, "<title>") - 1);
        CHECK_THAT(html, contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
        for (const char* part :
             {"<h2>Course</h2>", "<h2>Scores</h2>", "<h2>Most confident errors</h2>", "<h2>Data</h2>",
              "<h2>Configuration</h2>", "<h2>Machine</h2>", "Loss", "Learning rate", "Throughput", "2 of 10"})
            CHECK_THAT(html, contains(part));
        CHECK((html.find("<h2>Confusion</h2>") != std::string::npos) == !multi_label);
        CHECK(count_of(html, "label-curves\"") == 2);
        CHECK_THAT(html, contains("Images are missing"));  // the data are not there
        CHECK_THAT(html, contains("2 min 2 s"));
    }
}

TEST_CASE("Runs lie side by side, by what differs", "[report]") {
    const TemporaryFolder folder;
    write_run(folder / "a/run", "A", true);
    write_run(folder / "b/run", kHostile, true);
    const std::string html = comparison_page({folder / "a/run", folder / "b/run"});
    check_nesting(html);
    CHECK(count_of(html, "<script") == 0);
    CHECK_THAT(html, contains("2 runs side by side"));
    CHECK_THAT(html, contains(folder / "a/run"));  // two folders of one name are told apart by their paths
    CHECK_THAT(html, contains("<tr><td>data</td><td>&#39;A&#39;</td>"));
    CHECK_THAT(html, contains("<h2>Data</h2>"));
    CHECK(html.find("<tr><td>lr</td>") == std::string::npos);  // the same in both
    for (const char* figure : {"Validation mean AUROC", "Validation loss", "Training loss", "Throughput"})
        CHECK_THAT(html, contains(figure));
}

TEST_CASE("What is no run, or a damaged one, is refused by name", "[report]") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS(write_report(folder / "nowhere"), UsageError);
    write_run(folder / "run", "A", true);
    const auto refusal = [&]() -> std::string {
        try {
            write_report(folder / "run");
        } catch (const InputError& error) {
            return error.what();
        }
        return "";
    };
    write_text(folder / "run/metrics.jsonl", "{\"epoch\": 1}\nnot json\n");
    CHECK_THAT(refusal(), contains("metrics.jsonl:2"));
    write_text(folder / "run/metrics.jsonl", "{\"epoch\": 1}\n{\"epo");  // what a crash left
    CHECK(refusal().empty());
    write_text(folder / "run/machine.json", "[]");
    CHECK_THAT(refusal(), contains("machine.json"));
    std::filesystem::remove(folder / "run/machine.json");
    std::filesystem::remove(folder / "run/metrics.jsonl");
    std::filesystem::remove(folder / "run/val_predictions.csv");
    std::filesystem::remove(folder / "run/data.json");
    CHECK(refusal().empty());
    CHECK_THAT(read_text(folder / "run/report.html"),
               contains("No epoch has been finished yet.") && contains("did not record what it found"));
}
