// A run from the first step to the prediction, as the program's users see it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include "engine/checkpoint.h"
#include "engine/json.h"
#include "engine/safetensors.h"
#include "tests/cli/run_keel.h"
#include "tests/cli/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using keel::test::draw_phantom;
using keel::test::read_text;
using keel::test::run_keel;
using keel::test::TemporaryFolder;
using keel::test::train_command;
using json = keel::Json;

namespace {

std::size_t lines_of(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("A run is trained, scored and asked", "[train]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder), out = folder / "run";
    auto command = train_command(data, out);
    command.push_back("--json");
    const auto trained = run_keel(command);
    INFO(trained.err);
    REQUIRE(trained.code == 0);
    CHECK(keel::parse_json(trained.out).at("epochs") == 2);

    for (const char* file : {"config.toml", "data.json", "metrics.csv", "metrics.jsonl", "log.txt",
                             "checkpoints/last.safetensors", "checkpoints/best.safetensors"}) {
        INFO(file);
        CHECK(std::filesystem::file_size(out + "/" + file) > 0);
    }
    CHECK(lines_of(read_text(out + "/metrics.csv")) == 3);  // a head and two epochs
    CHECK(lines_of(read_text(out + "/metrics.jsonl")) == 2);

    const auto again = run_keel(command);
    CHECK(again.code == 2);
    CHECK(again.err.find("--resume") != std::string::npos);
    CHECK(again.err.find("--force") != std::string::npos);

    const std::string checkpoint = out + "/checkpoints/best.safetensors", csv = folder / "scores.csv";
    const auto scored =
        run_keel({"eval", "--checkpoint", checkpoint, "--data", data, "--predictions", csv, "--json", "--quiet"});
    INFO(scored.err);
    REQUIRE(scored.code == 0);
    const json scores = keel::parse_json(scored.out);
    REQUIRE(scores.at("auroc").size() == 15);  // 14 labels and the mean
    CHECK(scores.at("auroc").contains("Pleural_Thickening"));
    CHECK(scores.at("auroc").at("mean").is_number());
    const std::string table = read_text(csv);
    CHECK(table.starts_with("Image Index,prob_Atelectasis,"));
    CHECK(lines_of(table) == scores.at("samples").get<std::size_t>() + 1);

    const std::string image = folder / "phantom/images/00000001_000.png";
    const auto asked = run_keel({"predict", "--checkpoint", checkpoint, image, "--json", "--quiet"});
    REQUIRE(asked.code == 0);
    const json answer = keel::parse_json(asked.out).at("images");
    REQUIRE(answer.size() == 1);
    CHECK(answer[0].at("path") == image);
    REQUIRE(answer[0].at("scores").size() == 14);
    for (const auto& [label, score] : answer[0].at("scores").items()) {
        INFO(label);
        CHECK(score.get<double>() >= 0);
        CHECK(score.get<double>() <= 1);
    }

    SECTION("a bad image is named, the others are answered, the exit code says so") {
        keel::test::write_text(folder / "broken.png", "no image");
        const auto mixed = run_keel({"predict", "--checkpoint", checkpoint, image, folder / "broken.png", "--json"});
        CHECK(mixed.code == 3);
        CHECK(mixed.err.find("broken.png") != std::string::npos);
        CHECK(keel::parse_json(mixed.out).at("images").size() == 1);
    }
    SECTION(
        "another task's weights are taken over but for the classifier, and only it is trained when the rest is "
        "frozen") {
        const auto tuned =
            run_keel({"train", "--model", "resnet20", "--data", data, "--out", folder / "tuned", "--image-size", "32",
                      "--batch-size", "8", "--epochs", "1", "--init", checkpoint, "--freeze", "backbone", "--quiet"});
        INFO(tuned.err);
        REQUIRE(tuned.code == 0);
        const auto before = keel::read_safetensors(checkpoint).tensors,
                   after = keel::read_safetensors(folder / "tuned/checkpoints/last.safetensors").tensors;
        int same = 0, changed = 0;
        for (const keel::NamedTensor& a : before)
            for (const keel::NamedTensor& b : after) {
                if (a.name != b.name || a.name.find('.') == std::string::npos || a.name.starts_with("exp_avg") ||
                    a.name.starts_with("adam"))
                    continue;
                const bool equal = std::memcmp(a.tensor.data<float>(), b.tensor.data<float>(),
                                               static_cast<std::size_t>(a.tensor.elements()) * 4) == 0;
                CHECK(equal == !a.name.starts_with("fc."));
                (equal ? same : changed)++;
            }
        CHECK(same > 90);  // ResNet18 has 62 parameters and 40 statistics, of which two are fc's
        CHECK(changed == 2);
    }
    SECTION("a checkpoint that is none is refused by name") {
        keel::test::write_text(folder / "bad.safetensors", std::string(100, 'x'));
        const auto refused = run_keel({"eval", "--checkpoint", folder / "bad.safetensors", "--data", data});
        CHECK(refused.code == 3);
        CHECK(refused.err.find("bad.safetensors") != std::string::npos);
    }
}

TEST_CASE("Too many bad images end a run with exit 3", "[train]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder);
    for (const auto& entry : std::filesystem::directory_iterator(folder / "phantom/images"))
        keel::test::write_text(entry.path().string(), "no image");
    const auto result = run_keel(train_command(data, folder / "run"));
    CHECK(result.code == 3);
    CHECK(result.err.find(".png") != std::string::npos);
    const std::string last = result.err.substr(result.err.rfind("keel train: [") + std::string("keel train: ").size());
    CHECK(read_text(folder / "run/log.txt").ends_with(" error " + last));
}

TEST_CASE("Data that cannot be trained on leave no folder, and an older run as it was", "[train]") {
    const TemporaryFolder folder;
    keel::test::write_text(folder / "older/metrics.csv", "epoch\n1\n");
    keel::test::write_text(folder / "set/train/a/x.xyz", "");
    keel::test::write_text(folder / "weights.pth", "PK\x03\x04 and more");
    for (const auto& [data, code] : {std::pair{std::string("nih:/nowhere"), 2}, {"folder:" + (folder / "set"), 3}})
        for (const char* run : {"new", "older"}) {
            auto command = train_command(data, folder / run);
            command.push_back("--force");
            const auto result = run_keel(command);
            INFO(result.err);
            CHECK(result.code == code);
            CHECK(lines_of(result.err) == 1);
            CHECK(result.err.starts_with("keel train: ["));
        }
    const std::string phantom = draw_phantom(folder);
    const auto foreign = run_keel(train_command(phantom, folder / "new", {"--init", folder / "weights.pth"}));
    CHECK(foreign.code == 3);
    CHECK(foreign.err.find("PyTorch") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder / "new"));
    CHECK(read_text(folder / "older/metrics.csv") == "epoch\n1\n");
}

TEST_CASE("threads of a file, of --set and of the flag size the compute pool", "[train]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder), file = folder / "three.toml";
    keel::test::write_text(file, "threads = 3\n");
    struct Source {
        std::vector<std::string> words;
        const char* threads;
    };
    // 5 and 7 are no default of a common machine.
    for (const Source& source :
         {Source{{"--config", file}, "3 threads"}, Source{{"--config", file, "--set", "threads=5"}, "5 threads"},
          Source{{"--config", file, "--set", "threads=5", "--threads", "7"}, "7 threads"}}) {
        auto command = train_command(data, folder / "run");
        for (const char* word : {"--force", "--max-steps", "1"}) command.emplace_back(word);
        command.insert(command.end(), source.words.begin(), source.words.end());
        const auto result = run_keel(command);
        INFO(result.err);
        REQUIRE(result.code == 0);
        CHECK(read_text(folder / "run/log.txt").find(std::string(", ") + source.threads) != std::string::npos);
    }
}

TEST_CASE("A bench line holds the contract's fields", "[bench]") {
    const auto mode = GENERATE("train", "infer");
    const auto result = run_keel({"bench", "--model", "resnet18", "--mode", mode, "--batch", "2", "--image-size", "32",
                                  "--steps", "2", "--json", "--quiet"});
    REQUIRE(result.code == 0);
    const json line = keel::parse_json(result.out);
    for (const char* key : {"model", "mode", "batch", "image_size", "threads", "ranks", "images_per_second",
                            "step_ms_median", "step_ms_min", "step_ms_p99", "step_ms_mean", "peak_rss_mb",
                            "arena_peak_mb", "arena_reserved_mb", "isa", "onednn"}) {
        INFO(key);
        CHECK(line.contains(key));
    }
    CHECK(line.at("images_per_second").get<double>() > 0);
    CHECK(line.at("step_ms_min").get<double>() <= line.at("step_ms_median").get<double>());
    CHECK(line.at("step_ms_median").get<double>() <= line.at("step_ms_p99").get<double>());
    CHECK(line.at("step_ms_min").get<double>() <= line.at("step_ms_mean").get<double>());
}

TEST_CASE("bench --profile shows where the time goes, and --trace writes it", "[bench]") {
    const TemporaryFolder folder;
    const std::string trace = folder / "trace.json";
    const std::vector<std::string> command{"bench",     "--model", "densenet121", "--batch",  "1", "--image-size",
                                           "32",        "--steps", "2",           "--warmup", "1", "--quiet",
                                           "--profile", "--trace", trace};
    SECTION("in one JSON object") {
        auto with_json = command;
        with_json.emplace_back("--json");
        const auto result = run_keel(with_json);
        REQUIRE(result.code == 0);
        const json profile = keel::parse_json(result.out).at("profile");
        CHECK(profile.at("steps") == 2);
        double kinds = 0, layers = 0;
        std::set<std::string> names;
        for (const json& kind : profile.at("kinds")) kinds += kind.at("ms").get<double>();
        for (const json& layer : profile.at("layers")) {
            layers += layer.at("forward").at("ms").get<double>() + layer.at("backward").at("ms").get<double>();
            names.insert(layer.at("layer").get<std::string>());
            if (layer.at("layer") == "features.denseblock1.denselayer1.conv1") {
                CHECK(layer.at("forward").at("gflops").get<double>() > 0);
                CHECK(layer.at("backward").at("gflops").get<double>() > 0);
            }
        }
        CHECK(names.contains("features.denseblock1.denselayer1.conv1"));
        CHECK(names.contains("optimizer"));
        CHECK(kinds == Approx(profile.at("step_ms").get<double>()));
        CHECK(layers == Approx(profile.at("step_ms").get<double>()));
    }
    SECTION("as tables") {
        const auto result = run_keel(command);
        REQUIRE(result.code == 0);
        CHECK(result.out.find("\nkind of work ") != std::string::npos);
        CHECK(result.out.find("\nconv2d_forward 1x1 ") != std::string::npos);
        CHECK(result.out.find("\nfeatures.denseblock1.denselayer1.conv1 ") != std::string::npos);
        CHECK(result.err.empty());
    }
    const json events = keel::parse_json(read_text(trace)).at("traceEvents");
    CHECK(std::ranges::any_of(events, [](const json& e) { return e.at("name") == "conv2d_backward_weights"; }));
}

TEST_CASE("A trace that cannot be written ends bench with its code", "[bench]") {
    const auto result = run_keel({"bench", "--model", "resnet18", "--batch", "1", "--image-size", "32", "--steps", "1",
                                  "--warmup", "0", "--quiet", "--trace", "/dev/null/trace.json"});
    CHECK(result.code == 5);
    CHECK(result.out.empty());
}

TEST_CASE("Data of one class are refused before anything is written or replaced", "[train]") {
    const TemporaryFolder folder;
    // Two binary greyscale images in one class; what is in them does not matter, they are not read.
    for (const char* split : {"train", "val"})
        for (const char* name : {"a.png", "b.png"}) {
            std::filesystem::create_directories(folder / "set" + "/" + split + "/only");
            keel::test::write_text(folder / "set" + "/" + split + "/only/" + name, "");
        }
    const std::string out = folder / "run";
    const auto refused = run_keel(train_command("folder:" + (folder / "set"), out));
    INFO(refused.err);
    CHECK(refused.code == 3);
    CHECK(refused.err.find("at least two classes") != std::string::npos);
    CHECK(refused.err.find("folder:" + (folder / "set")) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(out));

    REQUIRE(run_keel(train_command(draw_phantom(folder), out, {"--max-steps", "1"})).code == 0);
    CHECK(run_keel(train_command("folder:" + (folder / "set"), out, {"--force"})).code == 3);
    CHECK(std::filesystem::exists(out + "/checkpoints/last.safetensors"));
}

TEST_CASE("A run of batches of one is warned of batch norm, in the log as well", "[train]") {
    const TemporaryFolder folder;
    const std::string out = folder / "run";
    const auto trained = run_keel(
        train_command(draw_phantom(folder), out, {"--model", "resnet18", "--batch-size", "1", "--max-steps", "1"}));
    INFO(trained.err);
    CHECK(trained.code == 0);
    CHECK(trained.err.find("batch norm over a batch of one image") != std::string::npos);
    CHECK(read_text(out + "/log.txt").find("batch norm over a batch of one image") != std::string::npos);
}

TEST_CASE("A checkpoint of weights that are no numbers is named, not a sample", "[train]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder), out = folder / "run", broken = folder / "broken.safetensors";
    REQUIRE(run_keel(train_command(data, out, {"--max-steps", "1"})).code == 0);
    keel::CheckpointState state = keel::load_checkpoint(out + "/checkpoints/last.safetensors");
    for (const keel::NamedTensor& entry : state.tensors)
        if (entry.name == "layer1.0.conv1.weight") entry.tensor.values<float>()[0] = std::nanf("");
    keel::save_checkpoint(broken, state);
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"eval", "--checkpoint", broken, "--data", data},
          std::vector<std::string>{"predict", "--checkpoint", broken, folder / "phantom"},
          train_command(data, folder / "more", {"--init", broken})}) {
        const auto refused = run_keel(command);
        INFO(refused.err);
        CHECK(refused.code == 3);
        CHECK(refused.err.find("broken.safetensors: layer1.0.conv1.weight holds NaN") != std::string::npos);
    }
}

TEST_CASE("Every loss trains labels, with the sampler and augmentations that are off by default", "[train]") {
    const TemporaryFolder folder;
    const std::string data = draw_phantom(folder);
    for (const char* loss : {"bce", "focal", "asymmetric", "auc-margin"}) {
        const std::string out = folder / loss;
        const auto trained = run_keel(train_command(data, out,
                                                    {"--loss", loss, "--sampler", "balanced", "--mixup", "0.2",
                                                     "--cutmix", "1", "--erase", "0.5", "--max-steps", "4", "--json"}));
        INFO(trained.err);
        REQUIRE(trained.code == 0);
        CHECK(read_text(out + "/config.toml").find("loss = '" + std::string(loss) + "'") != std::string::npos);
        CHECK(read_text(out + "/config.toml").find("sampler = 'balanced'") != std::string::npos);
        CHECK(run_keel({"eval", "--checkpoint", out + "/checkpoints/last.safetensors", "--data", data}).code == 0);
    }
    const auto refused = run_keel(train_command(data, folder / "ce", {"--loss", "ce"}));
    CHECK(refused.code == 2);
    CHECK(refused.err.find("wanted a loss of labels, one of bce, focal, asymmetric, auc-margin; got 'ce'") !=
          std::string::npos);
}
