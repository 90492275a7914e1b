// keel distill and keel prune: what they print and leave, and that what they leave is a model as any other.
#include <filesystem>

#include "embed/loaded_model.h"
#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;
namespace fs = std::filesystem;

TEST_CASE("keel distill trains with several teachers and keeps their answers; keel prune's model trains on",
          "[small_models]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder), first = folder / "first", student = folder / "student",
                      narrow = folder / "narrow.safetensors", tuned = folder / "tuned";
    REQUIRE(run_keel(train_command(data, first, {"--epochs", "1"})).code == 0);
    const std::string checkpoint = first + "/checkpoints/best.safetensors",
                      other = first + "/checkpoints/last.safetensors";
    const auto taught = [&](const Arguments& more) {
        Arguments line = train_command(data, student, {"--epochs", "1", "--teacher", checkpoint, other});
        line.front() = "distill";
        line.insert(line.end(), more.begin(), more.end());
        return run_keel(line);
    };
    const ProgramResult distilled = taught({});
    INFO(distilled.err);
    REQUIRE(distilled.code == 0);
    const std::string log = read_text(student + "/log.txt");
    CHECK(holds(log, "teacher " + checkpoint));
    CHECK(holds(log, "teachers were asked about"));
    CHECK(holds(read_text(student + "/config.toml"), "teacher = '" + checkpoint + "," + other + "'"));
    int kept = 0;
    for (const auto& entry : fs::directory_iterator(student))
        kept += entry.path().filename().string().starts_with("teacher-");
    CHECK(kept == 1);
    CHECK(taught({"--resume", "auto"}).code == 0);

    const Arguments prune{"prune",  "--checkpoint", checkpoint, "--data", data,         "--out", narrow,
                          "--keep", "0.6",          "--images", "8",      "--multiple", "4",     "--quiet"};
    ProgramResult pruned = run_keel(prune);
    INFO(pruned.err);
    REQUIRE(pruned.code == 0);
    CHECK(holds(pruned.out, narrow + ": "));
    CHECK(holds(pruned.out, "by their taylor scores on 8 images"));
    CHECK(!load_model(narrow).spec.options.widths.empty());
    CHECK(run_keel(prune).code == 2);  // it is there
    Arguments again = prune;
    again.insert(again.end(), {"--force", "--json", "--score", "bn", "--keep-statistics"});
    pruned = run_keel(again);
    REQUIRE(pruned.code == 0);
    const Json told = parse_json(pruned.out);
    CHECK(told["score"] == "bn");
    CHECK(told["images"] == 0);
    CHECK(told["channels"]["share"].get<double>() <= 0.6);
    CHECK(told["macs"]["after"] < told["macs"]["before"]);
    CHECK(!told["groups"].empty());
    const ProgramResult fine = run_keel(train_command(data, tuned, {"--epochs", "1", "--init", narrow}));
    INFO(fine.err);
    REQUIRE(fine.code == 0);
    CHECK(load_model(tuned + "/checkpoints/last.safetensors").spec.options.widths ==
          load_model(narrow).spec.options.widths);
    CHECK(holds(read_text(tuned + "/log.txt"), "as pruning left them"));
}
