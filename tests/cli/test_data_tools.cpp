// keel data pack, check and bench, as their users see them; and what the others do with a pack.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "data/formats/decode.h"
#include "data/formats/stb.h"
#include "data/pipeline/transform.h"
#include "engine/json.h"
#include "tests/cli/run_keel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "train/trainer.h"

using namespace keel;
using namespace keel::test;

namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

Json object(const ProgramResult& result, int code = 0) {
    INFO(result.err);
    REQUIRE(result.code == code);
    return parse_json(result.out);
}

std::string draw_phantom(const TemporaryFolder& folder, const std::string& count, const std::string& size) {
    const std::string path = folder / "phantom";
    REQUIRE(run_keel({"data", "synth", path, "--count", count, "--size", size, "--balanced", "--quiet"}).code == 0);
    return path;
}

/// The same set with its images resized.
void copy_resized(const std::string& from, const std::string& to, int size) {
    fs::copy(from, to, fs::copy_options::recursive);
    for (const auto& entry : fs::directory_iterator(to + "/images")) {
        const auto png = encode_png(resize(load_image(entry.path().string(), 1), size, size));
        write_text(entry.path(), std::string(png.begin(), png.end()));
    }
}

/// The bytes of all weights after a short training; `out` empty: without a checkpoint.
std::string trained_weights(const std::string& data, const std::string& out, double scale_min) {
    TrainConfig config;
    config.model = "resnet20";
    config.data = data;
    config.out = out;
    config.image_size = 32;
    config.batch_size = 8;
    config.max_steps = 2;
    config.optimizer = "sgd";
    config.momentum = 0;
    config.rotate = 7;
    config.shift = 0.05;
    config.contrast = 0.1;
    config.scale_min = scale_min;
    Trainer trainer(config);
    REQUIRE(trainer.run().steps == 2);
    std::string all;
    for (const NamedTensor& entry : trainer.module().state()) {
        const auto values = std::as_bytes(entry.tensor.contiguous().values<float>());
        all.append(reinterpret_cast<const char*>(values.data()), values.size());
    }
    return all;
}

}  // namespace

TEST_CASE("Training from a pack gives, to the bit, the weights of training from the same images", "[pack]") {
    const TemporaryFolder folder;
    const std::string set = draw_phantom(folder, "30", "64"), pack = folder / "pack";
    const Json packed = object(run_keel({"data", "pack", "phantom:" + set, pack, "--size", "32", "--json", "--quiet"}));
    CHECK(packed["bad_images"] == 0);
    CHECK(packed["shards"] == 1);
    CHECK(packed["bytes"] == 16 + 30 * 32 * 32);
    CHECK(packed["samples"]["train"].get<int>() + packed["samples"]["val"].get<int>() +
              packed["samples"]["test"].get<int>() ==
          30);
    copy_resized(set, folder / "small", 32);

    const std::string weights = trained_weights("pack:" + pack, folder / "run", 0.5);
    CHECK(weights.size() > 1'000'000);
    CHECK((weights == trained_weights("phantom:" + (folder / "small"), "", 0.5)));
    // Without crops the pack is what training makes of the images themselves.
    CHECK((trained_weights("pack:" + pack, "", 1) == trained_weights("phantom:" + set, "", 1)));

    const std::string checkpoint = folder / "run/checkpoints/last.safetensors";
    const auto eval = [&](const std::string& data, const std::string& csv) {
        Json scores = object(
            run_keel({"eval", "--checkpoint", checkpoint, "--data", data, "--predictions", csv, "--json", "--quiet"}));
        scores.erase("origin");  // how the split was made: a pack holds what was divided before
        return scores;
    };
    const Json scores = eval("pack:" + pack, folder / "p.csv");
    CHECK(scores == eval("phantom:" + (folder / "small"), folder / "s.csv"));
    CHECK(read_text(folder / "p.csv") == read_text(folder / "s.csv"));

    // And keel score agrees with keel eval.
    const Json judged = object(
        run_keel({"score", "--predictions", folder / "p.csv", "--labels", set + "/Data_Entry_2017.csv", "--json"}));
    CHECK(judged["samples"] == scores["samples"]);
    CHECK(judged["auroc"].size() == 15);
    for (const auto& [label, value] : scores["auroc"].items()) {
        INFO(label);
        if (value.is_null())
            CHECK(judged["auroc"][label].is_null());
        else
            CHECK(judged["auroc"][label].get<double>() == Approx(value.get<double>()).epsilon(1e-12));
    }

    Json info = object(run_keel({"data", "info", "pack:" + pack, "--json"})),
         of_set = object(run_keel({"data", "info", "phantom:" + set, "--json"}));
    info.erase("data");
    of_set.erase("data");
    CHECK(info == of_set);
}

TEST_CASE("A pack that is killed leaves nothing that opens", "[pack]") {
    const TemporaryFolder folder;
    const std::string set = draw_phantom(folder, "40", "64"), pack = folder / "pack";
    const Arguments line{"data", "pack", "phantom:" + set, pack, "--size", "128", "--quiet"};
    // The system ends a program that writes a file beyond the limit, here in the middle of the first shard.
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    rlimit low = before;
    low.rlim_cur = 300'000;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &low) == 0);
    const ProgramResult killed = run_keel(line);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    REQUIRE(killed.code == 128 + SIGXFSZ);
    CHECK_FALSE(fs::exists(pack));
    CHECK(fs::exists(pack + ".partial"));
    CHECK(run_keel({"data", "info", "pack:" + pack}).code == 2);
    const ProgramResult half = run_keel({"data", "info", "pack:" + pack + ".partial"});
    CHECK(half.code == 3);
    CHECK_THAT(half.err, contains("not a pack, or one that was not finished"));

    CHECK(run_keel(line).code == 0);
    CHECK_FALSE(fs::exists(pack + ".partial"));
    CHECK(run_keel({"data", "check", "--data", "pack:" + pack, "--quiet"}).code == 0);

    const ProgramResult again = run_keel(line);
    CHECK(again.code == 2);
    CHECK_THAT(again.err, contains("--force replaces a pack"));
    Arguments forced = line;
    forced.emplace_back("--force");
    CHECK(run_keel(forced).code == 0);
    forced[3] = set;
    const ProgramResult other = run_keel(forced);
    CHECK(other.code == 2);
    CHECK_THAT(other.err, contains("only a pack is replaced"));
    CHECK(fs::exists(set + "/SYNTHETIC.txt"));
}

TEST_CASE("keel data pack names what it leaves out", "[pack]") {
    const TemporaryFolder folder;
    const std::string set = draw_phantom(folder, "20", "64");
    write_text(set + "/images/00000001_000.png", "no image");
    const Json packed = object(
        run_keel({"data", "pack", "phantom:" + set, folder / "pack", "--size", "0", "--json", "--split", "train"}));
    CHECK(packed["bad_images"].get<int>() + packed["samples"]["train"].get<int>() ==
          object(run_keel({"data", "info", "phantom:" + set, "--json"}))["splits"]["train"]["samples"]);
    CHECK(packed["samples"]["test"] == 0);
    const ProgramResult strict = run_keel({"data", "pack", "phantom:" + set, folder / "strict", "--max-bad", "0"});
    CHECK(strict.code == 3);
    CHECK_THAT(strict.err, contains("images are bad"));
    CHECK_THAT(strict.err, contains("left out 00000001_000.png"));
    CHECK_FALSE(fs::exists(folder / "strict"));
}

TEST_CASE("keel data check: exit codes, JSON and CSV", "[check]") {
    const TemporaryFolder folder;
    const std::string set = draw_phantom(folder, "20", "64"), csv = folder / "found.csv";
    const ProgramResult clean = run_keel({"data", "check", "--data", "phantom:" + set, "--csv", csv});
    CHECK(clean.code == 0);
    CHECK_THAT(clean.out, contains("Cardiomegaly"));
    CHECK_THAT(clean.out, contains("20 images, most of 64 x 64\nnothing found\n"));
    CHECK_THAT(clean.err, contains("20/20"));
    CHECK(read_text(csv) == "severity,finding,split,name,detail\n");

    Image wider(65, 64, 1);
    std::ranges::fill(wider.pixels, std::uint8_t{200});
    const auto png = encode_png(wider);
    write_text(set + "/images/00000001_000.png", std::string(png.begin(), png.end()));
    const Json warned = object(run_keel({"data", "check", "--data", "phantom:" + set, "--json"}));
    CHECK(warned["errors"] == 0);
    CHECK(warned["warnings"] == 1);
    CHECK(warned["findings"]["other_size"] == 1);
    CHECK(warned["splits"]["train"]["labels"].size() == 14);

    write_text(set + "/images/00000001_000.png", "no image");
    fs::rename(set + "/images/00000002_000.png", set + "/images/a,b.png");
    const ProgramResult bad =
        run_keel({"data", "check", "--data", "phantom:" + set, "--csv", csv, "--json", "--workers", "1"});
    const Json found = object(bad, 3);
    CHECK(found["errors"] == 2);
    CHECK(found["warnings"] == 1);
    CHECK(found["findings"]["unreadable"] == 1);
    CHECK(found["findings"]["missing_image"] == 1);
    CHECK(found["findings"]["unlabelled"] == 1);
    const std::string rows = read_text(csv);
    CHECK(std::ranges::count(rows, '\n') == 4);
    CHECK_THAT(rows, contains("\nerror,missing_image,,00000002_000.png,\n"));
    CHECK_THAT(rows, contains("\nwarning,unlabelled,,\"a,b.png\",\n"));
    CHECK_THAT(run_keel({"data", "check", "--data", "phantom:" + set}).out,
               contains("\nerror missing_image: 1\n  00000002_000.png\n"));

    CHECK(run_keel({"data", "check", "--data", "phantom:" + (folder / "none")}).code == 2);
    CHECK(run_keel({"data", "check", "--data", "phantom:" + set, "--csv", folder / "no/such/folder.csv"}).code == 5);
}

TEST_CASE("keel data bench measures several storages in turn, and says what emptying the cache did", "[bench]") {
    const TemporaryFolder folder;
    const std::string set = draw_phantom(folder, "30", "64");
    REQUIRE(run_keel({"data", "pack", "phantom:" + set, folder / "pack", "--size", "64", "--quiet"}).code == 0);
    const Json cost = object(run_keel({"data", "bench", set, folder / "pack", "phantom:" + set, "--image-size", "32",
                                       "--images", "20", "--batch", "4", "--rounds", "3", "--cold", "--json"}));
    CHECK(cost["rounds"] == 3);
    REQUIRE(cost["results"].size() == 3);
    const Arguments specs{"phantom:" + set, "pack:" + (folder / "pack"), "phantom:" + set};
    for (std::size_t i = 0; i < 3; ++i) {
        const Json& result = cost["results"][i];
        CHECK(result["data"] == specs[i]);
        CHECK(result["images"] == 20);
        CHECK(result["images_per_second"] > 0);
        CHECK(result["cache_emptied"].is_boolean());
        CHECK(result["storage_mb_per_second"] >= 0);
    }
    // An image of the pack has 4,096 bytes; the few that are decoded ahead are read as well.
    const Json& pack = cost["results"][1];
    CHECK(pack["mb_per_second"].get<double>() >= 0.9 * 4096e-6 * pack["images_per_second"].get<double>());

    fs::rename(set + "/SYNTHETIC.txt", set + "/other.txt");
    const ProgramResult text = run_keel({"data", "bench", set, "--image-size", "32", "--images", "8", "--rounds", "1"});
    CHECK_THAT(text.out, contains("nih:" + set));
    CHECK_THAT(text.out, contains("MB/s read"));
    CHECK(run_keel({"data", "bench", folder.path()}).code == 2);
    CHECK(run_keel({"data", "bench"}).code == 2);
}
