#include "runs/report/run_data.h"

#include <cmath>

#include "kernels/error.h"
#include "tests/runs/made_up_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::report;
using namespace keel::test;

TEST_CASE("Rows of metrics become columns, with NaN for what a row lacks", "[run_data]") {
    const TemporaryFolder folder;
    const std::string run = folder / "a run";
    write_text(run + "/config.toml", "model = \"resnet18\"\n");
    write_text(run + "/metrics.jsonl",
               "{\"epoch\":1,\"val_loss\":null}\n{\"epoch\":2,\"val_loss\":0.5,\"note\":\"x\"}\n"
               "{\"epoch\":3,\"late\":7}\n{\"epo");
    const RunData data = read_run_data(run + "/");
    CHECK(data.name == "a run");
    CHECK(data.config.model == "resnet18");
    CHECK(data.machine.is_null());
    CHECK_FALSE(data.predictions);
    CHECK(data.metrics.rows == 3);
    CHECK(data.metrics.column("epoch") == std::vector<double>{1, 2, 3});
    const auto loss = data.metrics.column("val_loss");
    REQUIRE(loss.size() == 3);
    CHECK((std::isnan(loss[0]) && loss[1] == 0.5 && std::isnan(loss[2])));
    CHECK(data.metrics.column("late").size() == 3);
    CHECK(data.metrics.column("none").size() == 3);
    CHECK(data.metrics.has("val_loss"));
    CHECK_FALSE(data.metrics.has("note"));
    CHECK_FALSE(data.metrics.has("none"));
}

TEST_CASE("The best row is by what the run chose its best epoch by", "[run_data]") {
    RunData run;
    run.metrics.rows = 3;
    CHECK_FALSE(run.best_row());
    run.metrics.columns["train_loss"] = {0.7, 0.6, 0.65};
    CHECK(run.metric_name() == "training loss");
    CHECK(run.best_row() == 1U);
    run.metrics.columns["val_loss"] = {NAN, 0.9, 0.8};
    CHECK(run.metric_name() == "validation loss");
    CHECK(run.best_row() == 2U);
    run.metrics.columns["val_auc"] = {0.9, 0.9, 0.8};
    CHECK(run.metric_name() == "validation AUC");
    CHECK(run.best_row() == 0U);  // the first of equals
    run.metrics.columns["val_auroc_mean"] = {NAN, NAN, NAN};
    CHECK(run.metric_key() == "val_auc");
    run.metrics.columns["val_auroc_mean"] = {0.1, NAN, 0.2};
    CHECK(run.metric_name() == "validation mean AUROC");
    CHECK(run.best_row() == 2U);
}

TEST_CASE("A whole run is read, one that is none or damaged refused by name", "[run_data]") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS(read_run_data(folder / "nowhere"), UsageError);
    write_run(folder / "run", "A", true);
    const RunData data = read_run_data(folder / "run");
    CHECK(data.machine.at("threads") == 2);
    REQUIRE(data.predictions);
    CHECK(data.predictions->labels == std::vector<std::string>{"A", "B"});
    CHECK(data.best_checkpoint() == folder / "run/checkpoints/best.safetensors");
    write_text(folder / "run/machine.json", "[]");
    CHECK_THROWS_WITH(read_run_data(folder / "run"), contains("machine.json"));
}
