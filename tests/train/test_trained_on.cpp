#include "train/trained_on.h"

#include "engine/checkpoint.h"
#include "kernels/error.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "train/config_file.h"
#include "train/resume_check.h"
#include "train/trainer_state.h"

using namespace keel;
using namespace keel::test;

namespace {

void write_checkpoint(const std::string& path, const TrainConfig& config, const Dataset& data) {
    TrainerState state;
    state.config = to_toml(config);
    state.data = hash_of(data);
    CheckpointState checkpoint;
    write_trainer_state(state, checkpoint.metadata);
    save_checkpoint(path, checkpoint);
}

}  // namespace

TEST_CASE("A checkpoint says what it was trained on, and what scores of it are worth", "[trained_on]") {
    const TemporaryFolder folder;
    const SmallDataset data(small_contents(Task::classes, 4, 2, 2)), other(small_contents(Task::classes, 6, 2, 2));
    TrainConfig config;
    config.data = "folder:x";
    config.test_fraction = 0.25;
    config.group_by = "(p[0-9]+)_";
    write_checkpoint(folder / "a", config, data);
    const auto then = trained_on(folder / "a");
    REQUIRE(then);
    CHECK(
        (then->spec == "folder:x" && then->options.test_fraction == 0.25 && then->options.group_by == config.group_by));
    CHECK(then->options.split_rule == "stratified");

    const auto said = [&](const Dataset& of, const std::string& spec, const std::string& split) -> std::string {
        const std::vector<Remark> remarks = remarks_on_scores(then, of, spec, split);
        return remarks.empty() ? "" : remarks[0].text;
    };
    CHECK(said(data, "folder:x", "test").empty());
    CHECK(said(data, "folder:elsewhere", "val").empty());
    for (const char* split : {"train", "all"})
        CHECK_THAT(said(data, "folder:moved", split), contains("trained on samples"));
    CHECK_THAT(said(other, "folder:x", "test"), contains("divided otherwise"));
    CHECK(said(other, "folder:external", "all").empty());
    CHECK(remarks_on_scores(std::nullopt, data, "folder:x", "all").empty());
}

TEST_CASE("Data of another kind than a checkpoint's are divided as its were, and read for what they are",
          "[trained_on]") {
    TrainedOn then{.spec = "csv:a/table.csv"};
    then.options.split_seed = 3;
    then.options.label_columns = "Edema,Mass";
    CHECK(options_for(then, "csv:b/table.csv").label_columns == "Edema,Mass");
    const DatasetOptions folder = options_for(then, "folder:b");
    CHECK((folder.split_seed == 3 && folder.label_columns.empty()));
    then = {.spec = "folder:a"};
    then.options.group_by = "(p[0-9]+)_";
    then.options.split_rule = "old";
    CHECK(options_for(then, "folder:b").group_by == "(p[0-9]+)_");
    const DatasetOptions table = options_for(then, "csv:b/table.csv");
    CHECK((table.group_by.empty() && table.split_rule == "old"));
    CHECK(options_for(std::nullopt, "folder:b").split_rule == "stratified");
}

TEST_CASE("Files that do not say what they were trained on say nothing", "[trained_on]") {
    const TemporaryFolder folder;
    save_checkpoint(folder / "bare", {});
    write_text(folder / "text", "no checkpoint at all");
    CHECK_FALSE(trained_on(folder / "bare"));
    CHECK_FALSE(trained_on(folder / "text"));
    CHECK_THROWS_AS(trained_on(folder / "missing"), IoError);
}
