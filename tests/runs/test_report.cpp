// Reports: escaping, plots, what is picked as an error, and pages of runs that are made up here.
#include "runs/report/report.h"

#include "runs/report/errors.h"
#include "runs/report/marks.h"
#include "runs/report/page.h"
#include "runs/report/plot.h"
#include "runs/report/scores.h"
#include "tests/runs/made_up_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::report;
using namespace keel::test;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
    return found;
}

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
        CHECK(count(tag, "\"") % 2 == 0);
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
    CHECK(count(body, "<") == count(body, ">"));
}

}  // namespace

TEST_CASE("Text from outside cannot become markup", "[report]") {
    CHECK(escape("<b a=\"1\" c='2'>&</b>") == "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;&lt;/b&gt;");
    CHECK(escape("grün ✓") == "grün ✓");
    CHECK(escape(std::string("a\0b\x1f", 4)) ==
          "a\xEF\xBF\xBD"
          "b\xEF\xBF\xBD");
    CHECK(escape("\xff") == "\xEF\xBF\xBD");
    CHECK(escape("\xed\xa0\x80").find('\xed') == std::string::npos);  // a surrogate is no UTF-8
}

TEST_CASE("Bytes become base64 of RFC 4648's examples", "[report]") {
    const auto encoded = [](const std::string& text) {
        const std::vector<std::uint8_t> bytes(text.begin(), text.end());
        return data_uri("a/b", bytes);
    };
    CHECK(encoded("") == "data:a/b;base64,");
    CHECK(encoded("f") == "data:a/b;base64,Zg==");
    CHECK(encoded("fo") == "data:a/b;base64,Zm8=");
    CHECK(encoded("foobar") == "data:a/b;base64,Zm9vYmFy");
    CHECK(encoded("\xff\xfe\xfd") == "data:a/b;base64,//79");
}

TEST_CASE("Ticks are round and within the axis", "[report]") {
    CHECK(ticks(0, 1, 5) == std::vector<double>{0, 0.2, 0.4, 0.2 * 3, 0.8, 1});
    CHECK(ticks(1, 4, 10, true) == std::vector<double>{1, 2, 3, 4});
    CHECK(ticks(1, 2, 10, true) == std::vector<double>{1, 2});
    CHECK(ticks(3, 97, 4) == std::vector<double>{20, 40, 60, 80});
    CHECK(ticks(2, 2, 5).empty());
    CHECK(ticks(0, INFINITY, 5).empty());
    for (const auto& [low, high] :
         {std::pair{-3e-7, 2e9}, {1e-12, 3e-12}, {-5.0, -4.9}, {1e300, 1.0000000000000002e300}}) {
        const auto values = ticks(low, high, 5);
        CHECK(values.size() <= 12);
        for (const double v : values) CHECK((v >= low - (high - low) * 1e-6 && v <= high + (high - low) * 1e-6));
    }
}

TEST_CASE("Plots survive data of any kind", "[report]") {
    const double nan = std::nan("");
    const auto svg_of = [](Series series, bool logarithmic = false) {
        return to_svg({{.label = "x"}, {.label = "y", .logarithmic = logarithmic}, {std::move(series)}});
    };
    for (const bool logarithmic : {false, true})
        for (const std::vector<double>& y : {std::vector<double>{},
                                             {1},
                                             {0, 0, 0},
                                             {nan, nan, nan},
                                             {1, nan, 3},
                                             {1e-300, 1e300, 1},
                                             {-1, 0, 1},
                                             {INFINITY, 1, 2},
                                             {1e-5, 1e-1, 1e-3}}) {
            std::vector<double> x(y.size());
            for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
            const std::string svg = svg_of({"s", x, y}, logarithmic);
            CHECK(svg.find("nan") == std::string::npos);
            CHECK(svg.find("inf") == std::string::npos);
        }
    const std::string broken = svg_of({"s", {1, 2, 3, 4, 5}, {1, 2, nan, 2, 1}});
    CHECK(count(broken, "M") == 2);  // the line begins anew behind the gap
    CHECK(count(broken, "class=\"dot\"") == 4);
    CHECK(count(svg_of({"<s>", {1}, {1}}), "<s>") == 0);
}

TEST_CASE("The surest errors come first", "[report]") {
    StoredPredictions stored;
    stored.labels = {"A", "B"};
    SECTION("labels: seen and not there, then missed, one of a sample, two of a label") {
        stored.multi_label = true;
        stored.predictions.names = {"0", "1", "2", "3", "4"};
        stored.predictions.probabilities = {0.9F, 0.95F, 0.8F, 0.1F, 0.7F, 0.2F, 0.6F, 0.4F, 0.05F, 0.3F};
        stored.predictions.targets = {0, 0, 0, 0, 0, 1, 0, -1, 1, 0};
        const auto errors = confident_errors(stored, 12);
        REQUIRE(errors.size() == 4);
        CHECK((errors[0].sample == 0 && errors[0].label == 1 && !errors[0].missed));  // 0.95, not the same image's 0.9
        CHECK((errors[1].sample == 1 && errors[1].label == 0));
        CHECK((errors[2].sample == 2 && errors[2].label == 0));  // the third of A is left out
        CHECK((errors[3].sample == 4 && errors[3].missed));
        CHECK(confident_errors(stored, 2).size() == 2);
    }
    SECTION("classes: taken for another") {
        stored.predictions.names = {"0", "1", "2"};
        stored.predictions.probabilities = {0.6F, 0.4F, 0.1F, 0.9F, 0.2F, 0.8F};
        stored.predictions.labels = {1, 0, 1};
        const auto errors = confident_errors(stored, 12);
        REQUIRE(errors.size() == 2);
        CHECK((errors[0].sample == 1 && errors[0].label == 1));
        CHECK((errors[1].sample == 0 && errors[1].label == 0));
    }
}

TEST_CASE("A report stands alone and keeps what comes from outside harmless", "[report]") {
    const TemporaryFolder folder;
    for (const bool multi_label : {true, false}) {
        CAPTURE(multi_label);
        const std::string path = folder / (multi_label ? "labels <b>" : "classes");
        write_run(path, kHostile, multi_label);
        const std::string html = read_text(write_report(path));
        check_nesting(html);
        for (const char* part : {"<script", "<img src=x", "onerror=alert(2)>", "http:", "https:", "url(", "@import"})
            CHECK(count(html, part) == 0);
        CHECK(count(html, "</title>") == 1 + count(html, "<title>") - 1);
        CHECK_THAT(html, contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
        for (const char* part :
             {"<h2>Course</h2>", "<h2>Scores</h2>", "<h2>Most confident errors</h2>", "<h2>Configuration</h2>",
              "<h2>Machine</h2>", "Loss", "Learning rate", "Throughput", "2 of 10"})
            CHECK_THAT(html, contains(part));
        CHECK((html.find("<h2>Confusion</h2>") != std::string::npos) == !multi_label);
        CHECK(count(html, "label-curves\"") == 2);
        CHECK_THAT(html, contains("Images are missing"));  // the data are not there
        CHECK_THAT(html, contains("2 min 2 s"));
    }
}

TEST_CASE("A label's table row holds what the metrics say", "[report]") {
    const TemporaryFolder folder;
    write_run(folder / "run", "A", true);
    const RunData run = read_run_data(folder / "run");
    CHECK(run.metric_key() == "val_auroc_mean");
    CHECK(run.best_row() == 1U);
    const auto scores = label_scores(*run.predictions);
    REQUIRE(scores.size() == 2);
    CHECK(scores[0].positives == 3);
    CHECK(scores[1].samples == 4);
    // A: positives 0.8, 0.2, 0.6 against negatives 0.9, 0.3: 2 of 6 pairs. B: 0.2, 0.7 against 0.3, 0.4: 2 of 4.
    CHECK(scores[0].auroc == Approx(2.0 / 6));
    CHECK(scores[1].auroc == Approx(0.5));
}

TEST_CASE("Runs lie side by side, by what differs", "[report]") {
    const TemporaryFolder folder;
    write_run(folder / "a/run", "A", true);
    write_run(folder / "b/run", kHostile, true);
    const std::string html = comparison_page({folder / "a/run", folder / "b/run"});
    check_nesting(html);
    CHECK(count(html, "<script") == 0);
    CHECK_THAT(html, contains("2 runs side by side"));
    CHECK_THAT(html, contains(folder / "a/run"));  // two folders of one name are told apart by their paths
    CHECK_THAT(html, contains("<tr><td>data</td><td>&#39;A&#39;</td>"));
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
    CHECK(refusal().empty());
    CHECK_THAT(read_text(folder / "run/report.html"), contains("No epoch has been finished yet."));
}
