#include "runs/report/sections.h"

#include <cmath>

#include "engine/json.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::report;
using keel::test::contains;

TEST_CASE("Durations are told in the two largest units", "[sections]") {
    CHECK(duration(0) == "0 s");
    CHECK(duration(59.4) == "59 s");
    CHECK(duration(122) == "2 min 2 s");
    CHECK(duration(7999) == "2 h 13 min");
    for (const double none : {-1.0, std::nan(""), 1e300}) CHECK(duration(none) == "–");
}

TEST_CASE("A configuration's entries are keys and values of its file", "[sections]") {
    TrainConfig config;
    config.model = "a = b";
    const ConfigEntries entries = config_entries(config);
    CHECK(entries.size() == train_options().size());
    CHECK_THAT(value_of(entries, "model"), contains("a = b"));
    CHECK(value_of(entries, "epochs") == "10");
    CHECK(value_of(entries, "none").empty());

    RunData run;
    run.config.epochs = 11;
    const std::string html = config_html(run);
    CHECK_THAT(html, contains("<div class=\"strong\"><span>epochs</span><b>11</b></div>"));
    CHECK_THAT(html, contains("<div><span>batch_size</span><b>16</b></div>"));
}

TEST_CASE("A summary holds the best epoch, the last losses and the whole time", "[sections]") {
    RunData run;
    run.metrics.rows = 2;
    run.metrics.columns = {{"epoch", {1, 2}},
                           {"train_loss", {0.7, 0.5}},
                           {"val_auc", {0.9, 0.8}},
                           {"seconds", {61, NAN}},
                           {"bad_images", {0, 3}}};
    const std::string html = summary_html(run);
    for (const char* tile :
         {"<b>0.9000</b><span>best validation AUC</span>", "<b>1</b><span>its epoch</span>", "<b>2 of 10</b>",
          "<b>0.5000</b><span>last training loss</span>", "<b>1 min 1 s</b>",
          "<b>3</b><span>unreadable images skipped</span>", "<b>–</b><span>images per second</span>"})
        CHECK_THAT(html, contains(tile));
    CHECK_THAT(summary_html({}), contains("<b>0 of 10</b>"));
}

TEST_CASE("A machine's facts leave out what is empty, and its warnings stand below", "[sections]") {
    RunData run;
    CHECK_THAT(machine_html(run), contains("does not say what it ran on"));
    run.machine = Json{{"cpu", "Xeon <1>"}, {"features", {"avx2", "fma"}},    {"forced", nullptr},
                       {"quota", ""},       {"memory_bytes", 24'000'000'000}, {"warnings", {"Too <few> cores."}}};
    const std::string html = machine_html(run);
    CHECK_THAT(html, contains("<span>cpu</span><b>Xeon &lt;1&gt;</b>") &&
                         contains("<span>features</span><b>avx2 fma</b>") &&
                         contains("<span>memory</span><b>24.0 GB</b>") &&
                         contains("<p class=\"note\">Warning: Too &lt;few&gt; cores.</p>"));
    CHECK(html.find("forced") == std::string::npos);
}

TEST_CASE("A curve has a line a run, and is left out where no run has it", "[sections]") {
    RunData a, b;
    a.name = "first";
    b.name = "second";
    for (RunData* run : {&a, &b}) {
        run->metrics.rows = 2;
        run->metrics.columns = {{"epoch", {1, 2}}};
    }
    CHECK(curve_figure("Loss", "loss", "val_loss", {&a, &b}).empty());
    b.metrics.columns["val_loss"] = {0.5, 0.25};
    const std::string both = curve_figure("Loss", "loss", "val_loss", {&a, &b});
    CHECK_THAT(both,
               contains("<figcaption>Loss</figcaption>") && contains(">first</span>") && contains(">second</span>"));
    CHECK(curve_figure("Loss", "loss", "val_loss", {&b}).find("class=\"keys\"") == std::string::npos);
    CHECK_THAT(curves_html(b), contains("<figcaption>Loss</figcaption>"));
}
