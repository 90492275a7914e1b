// keel import, and the commands that take other programs' weights as they are.
#include <cmath>
#include <filesystem>

#include "engine/json.h"
#include "engine/safetensors.h"
#include "models/registry.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/embed/small_model.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("Weights are imported, predict and begin a training", "[import]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder), weights = folder / "w.safetensors", out = folder / "k.safetensors";
    std::vector<NamedTensor> tensors = make_model("resnet20", {.classes = 3, .channels = 1}, 1)->state();
    for (NamedTensor& entry : tensors) entry.name = "module." + entry.name;
    write_safetensors(weights, {{}, tensors});

    const auto made = run_keel({"import", weights, "--out", out, "--image-size", "32", "--labels", "a,b,c", "--mean",
                                "0.25", "--std", "0.5", "--json"});
    INFO(made.err);
    REQUIRE(made.code == 0);
    const Json result = parse_json(made.out);
    CHECK((result.at("model") == "resnet20" && result.at("classes") == 3 && result.at("channels") == 1));
    CHECK_THAT(json_text(result.at("notes")), contains("without the prefix module.") && contains("0.25 is taken"));

    const std::string image = data.substr(data.find(':') + 1) + "/images";
    const auto predicted = run_keel({"predict", "--checkpoint", out, "--json", "--quiet", image});
    REQUIRE(predicted.code == 0);
    CHECK(parse_json(predicted.out).at("images")[0].at("scores").contains("b"));
    CHECK(predicted.err.empty());
    const auto guessed = run_keel({"predict", "--checkpoint", weights, "--json", "--quiet", image});
    REQUIRE(guessed.code == 0);
    CHECK_THAT(guessed.err, contains("the weights (without the prefix module.) do not say what they are of"));

    const auto trained =
        run_keel(train_command(data, folder / "run", {"--init", weights, "--channels", "1", "--max-steps", "1"}));
    INFO(trained.err);
    CHECK(trained.code == 0);
}

TEST_CASE("Weights are exported, and are not written over", "[import]") {
    const TemporaryFolder folder;
    const std::string weights = folder / "w.safetensors", out = folder / "out.safetensors";
    write_safetensors(weights, {{}, make_model("resnet20", {.classes = 3, .channels = 1}, 1)->state()});
    const auto exported = run_keel({"export", "--checkpoint", weights, "--out", out, "--type", "bf16", "--json"});
    INFO(exported.err);
    REQUIRE(exported.code == 0);
    CHECK(parse_json(exported.out).at("type") == "bf16");
    CHECK(std::filesystem::file_size(out) < std::filesystem::file_size(weights) * 6 / 10);
    CHECK(run_keel({"predict", "--checkpoint", out, "--help"}).code == 0);
    CHECK(run_keel({"export", "--checkpoint", weights, "--out", out}).code == 2);
    const auto other = run_keel({"export", "--checkpoint", weights, "--out", folder / "out.pb"});
    CHECK(other.code == 2);
    CHECK_THAT(other.err, contains("ends in .safetensors"));
}

TEST_CASE("A checkpoint becomes an ONNX model that predicts the same", "[import]") {
    const TemporaryFolder folder;
    const std::string checkpoint = folder / "model", out = folder / "model.onnx";
    write_small_checkpoint(checkpoint);
    const std::vector<std::string> images = write_sample_images(folder.path(), 2);
    const auto exported = run_keel({"export", "--checkpoint", checkpoint, "--out", out, "--opset", "18", "--json"});
    INFO(exported.err);
    REQUIRE(exported.code == 0);
    CHECK(parse_json(exported.out).at("type") == "onnx");
    const auto scores = [&](const std::string& file) {
        const auto predicted = run_keel({"predict", "--checkpoint", file, "--json", "--quiet", images[0]});
        INFO(predicted.err);
        REQUIRE(predicted.code == 0);
        std::vector<double> values;
        const Json result = parse_json(predicted.out);
        for (const Json& score : result.at("images")[0].at("scores")) values.push_back(score);
        return values;
    };
    const std::vector<double> wanted = scores(checkpoint), got = scores(out);
    REQUIRE(got.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(got[i] - wanted[i]) < 1e-5);
    CHECK(run_keel({"export", "--checkpoint", checkpoint, "--out", out}).code == 2);  // it is there
    CHECK(run_keel({"export", "--checkpoint", checkpoint, "--out", folder / "o.onnx", "--opset", "12"}).code == 2);
    CHECK(run_keel({"export", "--checkpoint", checkpoint, "--out", folder / "o.onnx", "--type", "f16"}).code == 2);
}

TEST_CASE("A model in several files is imported, shown and timed", "[import]") {
    const TemporaryFolder folder;
    const std::string a = folder / "a.safetensors", b = folder / "b.safetensors", out = folder / "k.safetensors";
    std::vector<NamedTensor> tensors = make_model("resnet20", {.classes = 3, .channels = 1}, 1)->state();
    write_safetensors(a, {{}, {tensors.begin(), tensors.begin() + 9}});
    write_safetensors(b, {{}, {tensors.begin() + 9, tensors.end()}});
    CHECK(run_keel({"import", a, "--out", out}).code == 3);
    const auto made = run_keel({"import", a, b, "--out", out, "--image-size", "32"});
    INFO(made.err);
    REQUIRE(made.code == 0);
    CHECK_THAT(made.out, contains("resnet20 (2 files), 3 classes"));

    const auto shown = run_keel({"models", out, "--json"});
    REQUIRE(shown.code == 0);
    const Json layers = parse_json(shown.out);
    CHECK((layers.at("name") == "resnet20" && layers.at("channels") == 1 && layers.at("image_size") == 32));
    CHECK(layers.at("layers").front().at("name") == "conv1");
    const auto timed = run_keel(
        {"bench", "--checkpoint", out, "--mode", "infer", "--batch", "2", "--steps", "1", "--json", "--quiet"});
    INFO(timed.err);
    REQUIRE(timed.code == 0);
    CHECK((parse_json(timed.out).at("model") == "resnet20" && parse_json(timed.out).at("image_size") == 32));
    CHECK(run_keel({"bench", "--checkpoint", folder / "missing", "--steps", "1"}).code == 5);
}

TEST_CASE("What cannot be imported ends with a code, and nothing is written", "[import]") {
    const TemporaryFolder folder;
    const std::string out = folder / "k.safetensors", weights = folder / "w.safetensors";
    const auto import = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "import");
        words.insert(words.end(), {"--out", out});
        return run_keel(words);
    };
    CHECK(import({folder / "missing"}).code == 5);
    write_safetensors(weights, {{}, {{"a", Tensor::zeros({1})}}});
    CHECK(import({weights}).code == 3);
    CHECK(import({weights, "--mean", "x"}).code == 2);
    CHECK(import({weights, "--pixels", "grey"}).code == 2);
    CHECK_FALSE(std::filesystem::exists(out));
    write_text(out, "mine");
    const auto there = import({weights});
    CHECK(there.code == 2);
    CHECK_THAT(there.err, contains("exists; --force overwrites it"));
    CHECK(read_text(out) == "mine");
}
