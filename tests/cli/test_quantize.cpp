// keel quantize, and the commands that take what it writes.
#include <filesystem>

#include "embed/keel.h"
#include "engine/json.h"
#include "engine/safetensors.h"
#include "kernels/cpu.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;
using json = keel::Json;

namespace {

/// A phantom set, a checkpoint trained on it for two epochs, and the quantized model of that.
struct Made {
    Made() {
        REQUIRE(run_keel(train_command(data, run)).code == 0);
        const ProgramResult result = run_keel({"quantize", "--checkpoint", checkpoint, "--data", data, "--out", model,
                                               "--images", "16", "--batch-size", "4", "--json", "--quiet"});
        INFO(result.err);
        REQUIRE(result.code == 0);
        report = parse_json(result.out);
    }
    TemporaryFolder folder;
    std::string data = draw_phantom(folder), run = folder / "run", checkpoint = run + "/checkpoints/last.safetensors",
                model = folder / "model.safetensors";
    json report;
};

/// Made once for all tests here, which write elsewhere.
const Made& made_once() {
    static const Made made;
    return made;
}

}  // namespace

TEST_CASE("keel quantize: eval, predict and the C API take its model like a checkpoint", "[quantize]") {
    const Made& made = made_once();
    CHECK(made.report["images"] == 16);
    CHECK(made.report["held_out"] == 4);
    CHECK(made.report["candidates"].size() == 4);
    CHECK(made.report["size_ratio"].get<double>() < 0.27);
    CHECK(made.report["layers"].size() >= 21);
    CHECK(made.report["keep_below"] == 15);
    CHECK(made.report["fallbacks"].empty());
    CHECK(made.report["same_on_every_isa"] == true);
    for (const json& layer : made.report["layers"]) CHECK(layer["own_snr_db"].get<double>() >= 15);
    CHECK(made.report["bytes"] == std::filesystem::file_size(made.model));

    const auto evaluated = [&](const std::string& file, const std::vector<std::string>& environment = {}) {
        const ProgramResult result = run_keel(
            {"eval", "--checkpoint", file, "--data", made.data, "--split", "train", "--json", "--quiet"}, environment);
        REQUIRE(result.code == 0);
        return parse_json(result.out);
    };
    const json codes = evaluated(made.model), floats = evaluated(made.checkpoint);
    CHECK(codes["samples"] == floats["samples"]);
    CHECK(codes["loss"].get<double>() == Approx(floats["loss"].get<double>()).epsilon(0.05));
    const std::string truth = made.folder / "scores.csv", other = made.folder / "other.csv";
    const auto predictions = [&](const std::string& file, const std::vector<std::string>& environment) {
        REQUIRE(run_keel({"eval", "--checkpoint", made.model, "--data", made.data, "--split", "train", "--predictions",
                          file, "--quiet"},
                         environment)
                    .code == 0);
        return read_text(file);
    };
    const std::string scores_of_all = predictions(truth, {});
    for (const Isa isa : available_isas()) {
        INFO("ISA " << isa.name);
        const std::vector<std::string> environment{"KEEL_ISA=" + std::string(isa.name), "OMP_NUM_THREADS=3"};
        CHECK(evaluated(made.model, environment) == codes);
        CHECK(predictions(other, environment) == scores_of_all);
    }

    const std::string folder = made.folder / "pictures";
    std::filesystem::create_directory(folder);
    const std::vector<std::string> images = write_sample_images(folder, 3);
    const ProgramResult predicted = run_keel({"predict", "--checkpoint", made.model, folder, "--json", "--quiet"});
    REQUIRE(predicted.code == 0);
    keel_model* model = nullptr;
    REQUIRE(keel_model_load(made.model.c_str(), 1, &model) == KEEL_OK);
    std::vector<float> scores(keel_model_label_count(model));
    REQUIRE(keel_predict_file(model, images[1].c_str(), scores.data(), scores.size()) == KEEL_OK);
    const json of_image = parse_json(predicted.out)["images"][1]["scores"];
    for (std::size_t i = 0; i < scores.size(); ++i)
        CHECK(of_image[keel_model_label(model, i)].get<float>() == scores[i]);
    keel_model_free(model);
}

TEST_CASE("keel quantize: layers that codes are too coarse for are left in fp32, and named", "[quantize]") {
    const Made& made = made_once();
    const std::string coarse = made.folder / "coarse.safetensors";
    const auto quantized = [&](std::vector<std::string> more) {
        std::vector<std::string> all{"quantize", "--checkpoint", made.checkpoint, "--data", made.data,      "--out",
                                     coarse,     "--force",      "--images",      "8",      "--batch-size", "4",
                                     "--method", "minmax",       "--keep-below",  "100",    "--quiet"};
        all.insert(all.end(), more.begin(), more.end());
        const ProgramResult result = run_keel(all);
        REQUIRE(result.code == 0);
        return result.out;
    };
    const json report = parse_json(quantized({"--json"}));  // no layer reaches 100 dB
    REQUIRE(!report["fallbacks"].empty());
    CHECK(report["fallbacks"][0]["own_snr_db"].get<double>() < 100);
    CHECK(report["same_on_every_isa"] == false);
    for (const json& layer : report["layers"]) CHECK(layer["arithmetic"] == "fp32");
    const std::string text = quantized({});
    CHECK_THAT(text, contains(report["fallbacks"][0]["name"].get<std::string>() + " is left in fp32: "));
    CHECK_THAT(text, contains("less than 100.0"));
    CHECK_THAT(text, contains("depend on the ISA"));
    CHECK(run_keel({"eval", "--checkpoint", coarse, "--data", made.data, "--split", "train", "--quiet"}).code == 0);
}

TEST_CASE("keel quantize: what cannot be", "[quantize]") {
    const Made& made = made_once();
    const auto refused = [&](int code, const std::string& why, const std::vector<std::string>& arguments) {
        const ProgramResult result = run_keel(arguments);
        CHECK(result.code == code);
        CHECK_THAT(result.err, contains(why));
        CHECK(result.out.empty());
    };
    const std::vector<std::string> again{"quantize", "--checkpoint", made.checkpoint, "--data",
                                         made.data,  "--out",        made.model};
    const auto with = [&](std::vector<std::string> more) {
        std::vector<std::string> all = again;
        all.insert(all.end(), more.begin(), more.end());
        return all;
    };
    refused(2, "exists; --force overwrites it", again);
    refused(2, "there is no layer 'conv9'", with({"--force", "--keep", "conv9", "--images", "8", "--batch-size", "4"}));
    refused(2, "--images", with({"--force", "--images", "3"}));
    refused(3, "the model is quantized already",
            {"quantize", "--checkpoint", made.model, "--data", made.data, "--out", made.folder / "twice.safetensors"});
    refused(
        3, "is a graph",
        {"predict", "--checkpoint", made.model, "--heatmaps", made.folder / "maps", made.folder / "phantom/images"});
    const std::string other = made.folder / "other.safetensors";
    std::filesystem::copy_file(made.model, other);
    CHECK(run_keel({"quantize", "--checkpoint", made.checkpoint, "--data", made.data, "--out", other, "--force",
                    "--keep", "layer1.0.conv1", "--images", "8", "--batch-size", "4", "--quiet"})
              .code == 0);
    CHECK(fingerprint(other) != fingerprint(made.model));
}

TEST_CASE("keel quantize: a few images do where they differ, one image many times does not", "[quantize]") {
    const Made& made = made_once();
    const auto quantized = [&](const std::string& data) {
        return run_keel({"quantize", "--checkpoint", made.checkpoint, "--data", data, "--out",
                         made.folder / "few.safetensors", "--force", "--images", "8", "--method", "minmax", "--json",
                         "--quiet"});
    };
    const ProgramResult few = quantized(made.data);
    INFO(few.err);
    REQUIRE(few.code == 0);
    CHECK(parse_json(few.out)["images"] == 8);
    CHECK(parse_json(few.out)["held_out"] == 2);
    CHECK(parse_json(few.out).contains("dead_channels"));

    const std::filesystem::path copy = made.folder / "copy";
    std::filesystem::copy(made.folder / "phantom", copy, std::filesystem::copy_options::recursive);
    std::filesystem::path first;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(copy)) {
        if (entry.path().extension() != ".png") continue;
        if (first.empty()) first = entry.path();
        if (entry.path() != first)
            std::filesystem::copy_file(first, entry.path(), std::filesystem::copy_options::overwrite_existing);
    }
    REQUIRE(!first.empty());
    const ProgramResult same = quantized("phantom:" + copy.string());
    CHECK(same.code == 3);
    CHECK_THAT(same.err, contains("images to calibrate with are all the same"));
}

TEST_CASE("keel bench --mode int8", "[quantize]") {
    const ProgramResult result = run_keel({"bench", "--model", "resnet18", "--mode", "int8", "--batch", "2",
                                           "--image-size", "32", "--steps", "1", "--warmup", "0", "--json", "--quiet"});
    REQUIRE(result.code == 0);
    CHECK(parse_json(result.out)["mode"] == "int8");
}
