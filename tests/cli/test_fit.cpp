// keel fit, from its options to its files. What it decides is tested in tests/tune/.
#include <filesystem>

#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;
using json = keel::Json;

namespace {

/// A phantom set and a checkpoint of a run on it.
struct Fitted {
    Fitted() { REQUIRE(run_keel(train_command(data, folder / "run")).code == 0); }

    Arguments command(const Arguments& more) const {
        Arguments all{"fit",
                      "--checkpoint",
                      folder / "run/checkpoints/last.safetensors",
                      "--data",
                      data,
                      "--out",
                      out,
                      "--split",
                      "test",
                      "--rounds",
                      "1",
                      "--seconds",
                      "0.01",
                      "--images",
                      "8",
                      "--batch-size",
                      "4"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    TemporaryFolder folder;
    std::string data = draw_phantom(folder), out = folder / "out";
};

const Fitted& fitted_once() {
    static const Fitted fitted;
    return fitted;
}

std::string records_of(const Fitted& fitted) { return read_text(fitted.out + "/fit.jsonl"); }

}  // namespace

TEST_CASE("keel fit: chooses, writes the model and the page, and goes on with what it measured", "[fit]") {
    const Fitted& fitted = fitted_once();
    std::filesystem::remove_all(fitted.out);
    // However slow the machine is: a file of less than half the size is int8.
    const Arguments command = fitted.command({"--max-mb", "0.5x", "--max-drop", "1", "--try", "int8", "--json"});
    const ProgramResult result = run_keel(command);
    INFO(result.err);
    REQUIRE(result.code == 0);
    const json object = parse_json(result.out);
    CHECK(object["chosen"] == "resnet20-32-int8");
    CHECK(object["split"] == "test");
    CHECK(object["candidates"].size() == 2);
    CHECK(object["candidates"][0]["drop"] == 0);
    CHECK(object["candidates"][0]["images_per_second"].get<double>() > 0);
    CHECK(object["candidates"][1]["megabytes"].get<double>() <= object["limits"]["max_mb"].get<double>());
    CHECK_THAT(object["measured_on"].get<std::string>(), contains("4 images at a time"));
    CHECK_THAT(result.err, contains("keel fit: resnet20-32-int8: mean AUROC "));
    CHECK(
        run_keel({"eval", "--checkpoint", fitted.out + "/model.safetensors", "--data", fitted.data, "--quiet"}).code ==
        0);
    CHECK_THAT(read_text(fitted.out + "/fit.html"), contains("resnet20-32-int8"));
    CHECK(parse_json(read_text(fitted.out + "/fit.json"))["chosen"] == "resnet20-32-int8");

    const std::string records = records_of(fitted);
    CHECK(run_keel(command).out == result.out);
    CHECK(records_of(fitted) == records);

    const ProgramResult none = run_keel(fitted.command({"--max-mb", "0.001", "--try", "int8", "--max-drop", "1"}));
    CHECK(none.code == 6);
    CHECK_THAT(none.out, contains("nothing keeps to all limits"));
    CHECK_THAT(none.out, contains("nearest: resnet20-32-int8"));
    CHECK_FALSE(std::filesystem::exists(fitted.out + "/model.safetensors"));

    const ProgramResult other = run_keel(
        fitted.command({"--max-mb", "1x", "--try", "precision", "--isa", "scalar", "--threads", "1", "--json"}));
    REQUIRE(other.code == 0);
    CHECK_THAT(parse_json(other.out)["measured_on"].get<std::string>(), contains(", scalar, 1 threads"));
    CHECK_THAT(json_text(parse_json(other.out)["notes"]), contains("bf16 is left out"));
}

TEST_CASE("keel fit: prunes, trains on and teaches, and does none of it twice", "[fit][slow]") {
    const Fitted& fitted = fitted_once();
    std::filesystem::remove_all(fitted.out);
    const Arguments command =
        fitted.command({"--all", "--try", "fine-tune,prune,distill", "--sizes", "24", "--keep", "0.5", "--students",
                        "resnet20", "--epochs", "1", "--distill-epochs", "1", "--max-drop", "1", "--json"});
    const ProgramResult result = run_keel(command);
    INFO(result.err);
    REQUIRE(result.code == 0);
    const json object = parse_json(result.out);
    std::vector<std::string> names;
    for (const json& candidate : object["candidates"]) {
        names.push_back(candidate["name"]);
        INFO(json_text(candidate));
        CHECK(candidate.contains("metric"));
    }
    CHECK(names == std::vector<std::string>{"resnet20-32-f32", "resnet20-24-tuned-f32", "resnet20-32-keep50-tuned-f32",
                                            "resnet20-32-distilled-f32"});
    CHECK(object["candidates"][2]["megabytes"].get<double>() < object["candidates"][0]["megabytes"].get<double>());
    CHECK(std::filesystem::is_empty(fitted.out + "/training"));
    const std::string records = records_of(fitted);
    const ProgramResult again = run_keel(command);
    CHECK(again.out == result.out);
    CHECK(records_of(fitted) == records);
    CHECK_THAT(again.err, !contains("epoch 1 of 1"));
    for (const std::string& name : names)
        CHECK(run_keel({"predict", "--checkpoint", fitted.out + "/models/" + name + ".safetensors",
                        fitted.folder / "phantom/images", "--quiet"})
                  .code == 0);
}

TEST_CASE("keel fit: what cannot be", "[fit]") {
    const Fitted& fitted = fitted_once();
    const auto refused = [&](int code, const std::string& why, const Arguments& more) {
        const ProgramResult result = run_keel(fitted.command(more));
        CHECK(result.code == code);
        CHECK_THAT(result.err, contains(why));
        CHECK(result.out.empty());
    };
    refused(2, "wanted a limit of speed, size or memory", {});
    refused(2, "--max-mb: wanted a number above 0", {"--max-mb", "small"});
    refused(2, "--keep: wanted numbers between 0 and 1", {"--max-mb", "1", "--keep", "2"});
    refused(2, "wanted ways of precision, int8", {"--max-mb", "1", "--try", "luck"});
    refused(2, "abacus", {"--max-mb", "1", "--isa", "abacus"});
    refused(2, "resnet19", {"--max-mb", "1", "--students", "resnet19"});
    const std::string out = fitted.out;
    std::filesystem::remove_all(out);
    write_text(out + "/fit.jsonl", "{\n");
    refused(3, "fit.jsonl:1 is no record of a measurement", {"--max-mb", "1"});
    std::filesystem::remove_all(out);
}
