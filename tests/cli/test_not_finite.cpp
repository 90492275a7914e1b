// What the program says of models that answer NaN or infinity, and of weights that are none; and of an environment that
// is no file's fault.
#include <filesystem>
#include <limits>

#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("Images without an answer are skipped and named by predict, and end eval and quantize", "[nan]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder), run = folder / "run", good = run + "/checkpoints/last.safetensors",
                      bad = folder / "bad.safetensors";
    REQUIRE(run_keel(train_command(data, run, {"--epochs", "1"})).code == 0);
    const auto refused = [&](std::vector<std::string> line, const std::string& why) {
        line.insert(line.end(), {"--checkpoint", bad, "--quiet"});
        const ProgramResult result = run_keel(line);
        INFO(line[0] << ": " << result.err);
        CHECK(result.code == 3);
        CHECK_THAT(result.err, contains(why));
        CHECK(result.out.empty());
    };
    std::filesystem::create_directory(folder / "images");
    const std::string image = write_sample_images(folder / "images", 1)[0], int8 = folder / "int8.safetensors";
    const std::vector<std::string> eval{"eval", "--data", data, "--split", "train"}, predict{"predict", image},
        quantize{"quantize", "--data", data, "--out", int8, "--images", "8"};

    spoil_checkpoint(good, bad, "fc.weight", 3e38F, true);  // numbers, but not what they make
    refused(predict, "skipped " + image + ": the model makes NaN or infinity of it");
    refused(predict, "none of the images could be read or scored");
    refused(eval, bad + " has no answer to ");
    refused(quantize, "NaN or infinit");
    spoil_checkpoint(good, bad, "layer2.0.conv1.weight", std::numeric_limits<float>::quiet_NaN());
    for (const auto& line : {predict, eval, quantize}) refused(line, "layer2.0.conv1.weight holds NaN or infinity");
    spoil_checkpoint(good, bad, "bn1.running_var", -1);
    for (const auto& line : {predict, eval, quantize}) refused(line, "bn1.running_var holds a variance below 0");
    CHECK(!std::filesystem::exists(int8));
}

TEST_CASE("An instruction set that there is not is the environment's fault, not a file's", "[nan]") {
    const TemporaryFolder folder;
    write_small_checkpoint(folder / "model");
    const std::string image = write_sample_images(folder / "", 1)[0];
    const ProgramResult result = run_keel({"predict", "--checkpoint", folder / "model", image}, {"KEEL_ISA=sse9"});
    CHECK(result.code == 2);
    CHECK_THAT(result.err, contains("[cpu] unknown ISA 'sse9'") && !contains("[checkpoint]"));
}
