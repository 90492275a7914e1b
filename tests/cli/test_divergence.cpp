// Steps whose loss or gradient is not finite.
#include <sstream>

#include <algorithm>

#include "engine/checkpoint.h"
#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using keel::test::contains;
using keel::test::read_text;
using keel::test::run_keel;
using keel::test::TemporaryFolder;
using json = keel::Json;

TEST_CASE("A run that diverges ends with exit 4 and writes the samples out", "[divergence]") {
    const TemporaryFolder folder;
    const auto result =
        run_keel(keel::test::train_command(keel::test::draw_phantom(folder), folder / "run",
                                           {"--optimizer", "sgd", "--schedule", "constant", "--lr", "1e30"}));
    INFO(result.err);
    CHECK(result.code == 4);
    CHECK_THAT(result.err,
               contains("3 steps in a row were not finite") && contains("divergence.jsonl") && contains("--lr"));
    CHECK_THAT(read_text(folder / "run/log.txt"), contains("was not applied") && contains(".png"));
    std::istringstream lines(read_text(folder / "run/divergence.jsonl"));
    std::int64_t steps = 0;
    for (std::string line; std::getline(lines, line); ++steps) {
        const json step = keel::parse_json(line);
        CHECK(step.at("epoch") == 1);
        CHECK((step.at("samples").size() == 8 || step.at("samples").size() == 7));  // 31 training samples
        CHECK_THAT(step.at("samples")[0].get<std::string>(), contains(".png"));
        CHECK(step.at("lr") == 1e30);
        CHECK(!step.at("what").get<std::string>().empty());
    }
    CHECK(steps == 3);
}

TEST_CASE("A model that answers NaN to the validation split has diverged, though its step was finite", "[divergence]") {
    const TemporaryFolder folder;
    const auto result =
        run_keel(keel::test::train_command(keel::test::draw_phantom(folder), folder / "run",
                                           {"--model", "densenet121", "--optimizer", "sgd", "--schedule", "constant",
                                            "--lr", "1e15", "--max-steps", "1"}));
    INFO(result.err);
    CHECK(result.code == 4);
    CHECK_THAT(result.err,
               contains("at step 1 the model answers NaN to the validation split") && contains("--clip-norm"));
}

TEST_CASE("A step that is not finite changes nothing, the running statistics included", "[divergence]") {
    const TemporaryFolder folder;
    const std::string data = keel::test::draw_phantom(folder), first = folder / "first";
    REQUIRE(run_keel(keel::test::train_command(data, first, {"--max-steps", "1"})).code == 0);
    keel::CheckpointState state = keel::load_checkpoint(first + "/checkpoints/last.safetensors");
    std::erase_if(state.tensors, [](const keel::NamedTensor& t) {
        return t.name.starts_with("exp_avg") || t.name.starts_with("adam");
    });
    for (const keel::NamedTensor& each :
         state.tensors)  // from here on the maps are infinite, and their differences NaN
        if (each.name == "layer1.0.bn1.weight") std::ranges::fill(each.tensor.values<float>(), 3e38F);
    keel::save_checkpoint(folder / "steep.safetensors", state);

    const auto result = run_keel(
        keel::test::train_command(data, folder / "run",
                                  {"--max-steps", "2", "--max-divergent", "9", "--init", folder / "steep.safetensors",
                                   "--ema-decay", "0.5", "--val-fraction", "0"}));  // such weights answer NaN
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK_THAT(result.err, contains("step 1 was not applied") && contains("step 2 was not applied"));
    const auto after = keel::load_checkpoint(folder / "run/checkpoints/last.safetensors");
    std::size_t compared = 0;
    for (const keel::NamedTensor& before : state.tensors)
        for (const keel::NamedTensor& now : after.tensors) {
            if (now.name != before.name && now.name != "ema." + before.name) continue;
            INFO(now.name);
            CHECK(std::ranges::equal(now.tensor.contiguous().values<float>(),
                                     before.tensor.contiguous().values<float>()));
            ++compared;
        }
    CHECK(compared >= 2 * 102);  // ResNet18's 62 parameters and 40 statistics, and their averages
}
