// keel estimate, memory that a run does not have, and what keel train says of what it took.
#include <filesystem>
#include <string>
#include <vector>

#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

std::vector<std::string> estimate_command(const std::string& data, const std::vector<std::string>& more) {
    std::vector<std::string> command{"estimate", "--model",      "resnet20", "--data",   data, "--image-size",
                                     "32",       "--batch-size", "8",        "--epochs", "2",  "--seconds",
                                     "0.2",      "--threads",    "1",        "--quiet"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
}

}  // namespace

TEST_CASE("keel estimate says what a run takes, and leaves nothing behind", "[estimate]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder), out = folder / "runs/first";
    write_text(folder / "runs/other", "");
    write_text(folder / "watts", "120 W");
    const auto result = run_keel(estimate_command(
        data, {"--out", out, "--json", "--power-file", folder / "watts", "--price-kwh", "0.5", "--gco2-kwh", "300"}));
    CAPTURE(result.err);
    REQUIRE(result.code == 0);
    const Json told = parse_json(result.out);
    // 40 images: 28 to train, in steps of 8.
    CHECK(told["images_a_step"] == 8);
    CHECK(told["epochs"] == 2);
    CHECK(told["steps"].get<int>() == 2 * told["steps_an_epoch"].get<int>());
    for (const char* key : {"step_seconds", "epoch_seconds", "run_seconds", "core_hours", "kwh", "price", "gco2"}) {
        CAPTURE(key);
        const Json& figure = told[key];
        CHECK(figure["value"].get<double>() > 0);
        CHECK(figure["low"].get<double>() <= figure["value"].get<double>());
        CHECK(figure["high"].get<double>() >= figure["value"].get<double>());
    }
    CHECK(told["kwh_estimated"] == false);
    CHECK(told["memory_bytes"].get<double>() > 10e6);
    CHECK(told["fits"] == true);
    CHECK(told["assumptions"].size() >= 4);
    std::vector<std::string> left;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "runs"))
        left.push_back(entry.path().filename().string());
    CHECK(left == std::vector<std::string>{"other"});
}

TEST_CASE("keel estimate for other nodes says that it is a model", "[estimate]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder);
    write_text(folder / "node.json",
               R"({"speed": {"cores": 32, "gflops": 2000, "memory_gbs": 150, "isa": "avx2", "memory_bytes": 1000}})");
    const auto result =
        run_keel(estimate_command(data, {"--nodes", "4", "--ranks-per-node", "2", "--node", folder / "node.json"}));
    CAPTURE(result.err);
    REQUIRE(result.code == 0);
    CHECK_THAT(result.out, contains("8 ranks of 16 threads") && contains("is a MODEL, not measured: 32 cores") &&
                               contains("a simulation (keel scale)") && contains("DOES NOT FIT") &&
                               contains("an ESTIMATE"));
    CHECK_THAT(result.err, contains("the run needs"));
}

TEST_CASE("A run that does not fit into memory is refused before its first step, unless it is forced", "[estimate]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder), out = folder / "run";
    const auto refused = run_keel({"train", "--model", "resnet20", "--data", data, "--out", out, "--image-size", "32",
                                   "--batch-size", "8", "--epochs", "1", "--max-memory", "0.02"});
    CAPTURE(refused.err);
    CHECK(refused.code == 2);
    CHECK_THAT(refused.err, contains("[memory] the run needs") && contains("--force-memory"));
    CHECK_FALSE(std::filesystem::exists(out));
    const auto forced =
        run_keel({"train", "--model", "resnet20", "--data", data, "--out", out, "--image-size", "32", "--batch-size",
                  "8", "--epochs", "1", "--max-steps", "1", "--max-memory", "0.02", "--force-memory"});
    CAPTURE(forced.err);
    CHECK(forced.code == 0);
}

TEST_CASE("keel train says what memory it needs, what it took, and follows the size of small images", "[estimate]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder), out = folder / "run";
    const auto result = run_keel(
        {"train", "--model", "resnet20", "--data", data, "--out", out, "--batch-size", "8", "--epochs", "1", "--json"});
    CAPTURE(result.err);
    REQUIRE(result.code == 0);
    CHECK_THAT(result.err,
               contains("memory: ") && contains("are needed") && contains("image_size is 64") && contains("spent: "));
    CHECK_THAT(read_text(out + "/config.toml"), contains("image_size = 64"));
    const Json spent = parse_json(result.out)["spent"];
    CHECK(spent["seconds"].get<double>() > 0);
    CHECK(spent["core_hours"].get<double>() > 0);
    CHECK(parse_json(read_text(out + "/spent.json"))["processes"] == 1);
    CHECK_THAT(read_text(out + "/metrics.jsonl"), contains("\"spent_kwh\":"));
    CHECK_THAT(read_text(out + "/report.html"), contains("core-hours"));
    // A run that goes on keeps its size, whatever is the default.
    const auto more = run_keel({"train", "--out", out, "--resume", "auto", "--epochs", "2", "--json"});
    CAPTURE(more.err);
    REQUIRE(more.code == 0);
    CHECK(parse_json(read_text(out + "/spent.json"))["processes"] == 2);
    CHECK(parse_json(more.out)["spent"]["seconds"].get<double>() > spent["seconds"].get<double>());
}

TEST_CASE("keel doctor measures the node for keel estimate --node", "[estimate]") {
    const auto result = run_keel({"doctor", "--json"});
    REQUIRE(result.code == 0);
    const Json speed = parse_json(result.out)["speed"];
    for (const char* key : {"cores", "ghz", "gflops", "memory_gbs", "memory_bytes"}) {
        CAPTURE(key);
        CHECK(speed[key].get<double>() > 0);
    }
}
