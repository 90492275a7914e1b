// keel::fit::fit() on a small network and drawn images; speed is made up, so that nothing here depends on the machine.
#include "tune/fit/fit.h"

#include <algorithm>
#include <filesystem>

#include "embed/import_weights.h"
#include "embed/predictor.h"
#include "graph/build/graph_file.h"
#include "graph/build/trace.h"
#include "kernels/error.h"
#include "runs/report/page.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/small_training.h"
#include "tune/fit/fit_page.h"
#include "tune/fit/fit_text.h"

using namespace keel;
using namespace keel::test;

namespace keel::fit {  // not used: names of other searches are compiled beside these

using keel::test::contains;

namespace {

/// A checkpoint of resnet20 for the drawn images, whose second class is brighter than the first.
struct SmallFit {
    SmallFit() {
        LoadedModel model{
            {.name = "resnet20", .options = {.classes = 2, .channels = 1}, .image_size = 32, .label_names = {"a", "b"}},
            nullptr};
        model.spec.label_names = dataset->label_names();
        default_normalization(model.spec);
        model.module = make_model("resnet20", model.spec.options, 5);
        save_model(checkpoint, model);
        WorkshopOptions& w = options.workshop;
        w.training.checkpoint = checkpoint;
        w.training.data = "drawn";
        w.out = folder / "out";
        w.loader.split = Split::val;
        w.loader.batch_size = 8;
        w.calibration_images = 8;
        w.replicates = 50;
        w.machine = "a made-up machine";
        w.measure_speed = [this](const std::filesystem::path& file, Form form, Quantizing) {
            measured.push_back(file.stem().string());
            const auto side = static_cast<double>(read_model_spec(file).image_size);
            const double rate = 100 * (32 * 32) / (side * side) * (form == Form::int8 ? 3 : form == Form::bf16 ? 2 : 1);
            return Speed{rate, rate, rate, 1000 / rate, 1000 / rate, 1000 / rate, 100};
        };
        w.say = [this](const std::string& line) { said.push_back(line); };
        options.wishes.min_images_per_second = Wish{2.5, true};
        options.wishes.max_drop = 1;  // of weights that nobody trained
        options.ways = {Way::precision, Way::int8, Way::size};
        options.sizes = {28, 24, 64};
        options.kept = {2};
    }
    FitResult run() {
        measured.clear();
        return fit::fit(options, *dataset);
    }

    TemporaryFolder folder;
    std::unique_ptr<Dataset> dataset = drawn_images(24, 24);
    std::string checkpoint = folder / "checkpoint.safetensors";
    FitOptions options;
    std::vector<std::string> measured, said;
};

std::string chosen_name(const FitResult& result) {
    REQUIRE(result.search.verdict.chosen);
    return name_of(result.search.known.measured[*result.search.verdict.chosen].candidate);
}

}  // namespace

TEST_CASE("A fit leaves the chosen model, which predicts, and what was measured is not measured again", "[fit]") {
    SmallFit small;
    const FitResult result = small.run();
    CHECK(chosen_name(result) == "resnet20-32-int8");
    CHECK(small.measured == std::vector<std::string>{"resnet20-32-f32", "resnet20-32-int8"});
    const Predictor model(result.model);
    CHECK(std::ranges::any_of(model.runtime().graph().buffers, &graph::Buffer::quantized));
    for (const char* file : {"fit.json", "fit.html", "fit.jsonl"})
        CHECK(std::filesystem::exists(small.options.workshop.out / file));
    CHECK_FALSE(result.test);  // the drawn images have no test split
    const std::string records = read_text(small.options.workshop.out / "fit.jsonl");

    const FitResult again = small.run();
    CHECK(small.measured.empty());
    CHECK(read_text(small.options.workshop.out / "fit.jsonl") == records);
    CHECK(chosen_name(again) == "resnet20-32-int8");
    CHECK(json_text(fit::to_json(again)) == json_text(fit::to_json(result)));

    SECTION("with other limits only what is new is measured") {
        small.options.wishes.min_images_per_second = Wish{3.5, true};
        const std::string chosen = chosen_name(small.run());  // which of them is luck: nobody trained these weights
        CHECK((chosen == "resnet20-28-int8" || chosen == "resnet20-24-int8"));
        for (const std::string& line : small.said) UNSCOPED_INFO(line);
        CHECK(small.measured == std::vector<std::string>{"resnet20-28-f32", "resnet20-28-int8", "resnet20-24-f32",
                                                         "resnet20-24-int8"});
        CHECK(std::ranges::find(small.measured, "resnet20-32-int8") == small.measured.end());
    }
    SECTION("on another machine speed is, and nothing else") {
        small.options.workshop.machine = "another machine";
        small.run();
        CHECK(small.measured.size() == 2);
        const std::string more = read_text(small.options.workshop.out / "fit.jsonl").substr(records.size());
        CHECK(count_of(more, "\n") == 2);
        CHECK(count_of(more, "\"kind\":\"speed\"") == 2);
    }
    SECTION("a model that was changed since is made again") {
        const std::filesystem::path file = small.options.workshop.out / "models" / "resnet20-32-int8.safetensors";
        const std::string before = read_text(file);
        write_text(file, "damaged");
        small.run();
        CHECK(read_text(file) == before);
    }
    SECTION("a checkpoint that is another is measured anew") {
        LoadedModel other = load_model(small.checkpoint);
        other.module = make_model("resnet20", other.spec.options, 6);
        save_model(small.checkpoint, other);
        small.run();
        CHECK(small.measured.size() == 2);
    }
    SECTION("so is all of it where that is asked for") {
        small.options.anew = true;
        small.run();
        CHECK(small.measured.size() == 2);
        CHECK(count_of(read_text(small.options.workshop.out / "fit.jsonl"), "\n") == count_of(records, "\n"));
    }
}

TEST_CASE("Nothing that satisfies is said, with the nearest and its misses, and leaves no model", "[fit]") {
    SmallFit small;
    small.run();
    small.options.wishes.min_images_per_second = Wish{100, true};
    const FitResult result = small.run();
    CHECK_FALSE(result.search.verdict.chosen);
    CHECK_FALSE(std::filesystem::exists(small.options.workshop.out / "model.safetensors"));
    const std::string text = fit::to_text(result);
    CHECK_THAT(text, contains("nothing keeps to all limits"));
    CHECK_THAT(text, contains("nearest: resnet20-24-int8: "));
    CHECK_THAT(text, contains("images per second where 10000.0 are wanted, 94.7 % short"));
    const Json json = fit::to_json(result);
    CHECK(json["chosen"].is_null());
    CHECK(json["nearest"] == "resnet20-24-int8");
    CHECK(json["misses"].size() == 1);
    CHECK(json["limits"]["min_images_per_second"] == 10000);
    CHECK(json["frontier"].size() == 4);
    CHECK(json["candidates"].size() == result.search.known.measured.size());
}

TEST_CASE("An image's side is what the smaller model says, and 64 pixels are no smaller than 32", "[fit]") {
    SmallFit small;
    small.options.search.all = true;
    const FitResult result = small.run();
    CHECK(result.space.sizes == std::vector<std::int64_t>{28, 24});
    for (const Measured& measured : result.search.known.measured) {
        INFO(name_of(measured.candidate) << ": " << measured.failure);
        REQUIRE(measured.figures);
        const std::string form = measured.candidate.form == Form::int8 ? "int8" : "f32";
        const std::string kept = measured.candidate.kept > 0 ? "-kept2" : "";
        const auto file = small.options.workshop.out / "models" /
                          (name_of(measured.candidate.body) + "-" + form + kept + ".safetensors");
        CHECK(read_model_spec(file).image_size == measured.candidate.body.image_size);
        CHECK(measured.figures->megabytes == 1e-6 * static_cast<double>(std::filesystem::file_size(file)));
    }
    CHECK(result.search.known.measured.front().figures->drop == 0);
}

TEST_CASE("What cannot be fitted is refused before anything is measured", "[fit]") {
    SmallFit small;
    const auto refusal = [&](auto error) {
        using Error = decltype(error);
        try {
            small.run();
        } catch (const Error& thrown) {
            return std::string(thrown.what());
        }
        return std::string();
    };
    SECTION("without a limit") {
        small.options.wishes.min_images_per_second.reset();
        CHECK_THAT(refusal(UsageError("")), contains("wanted a limit of speed, size or memory"));
    }
    SECTION("an int8 model") {
        small.options.workshop.training.checkpoint = small.run().model.string();
        CHECK_THAT(refusal(UsageError("")), contains("is quantized already"));
    }
    SECTION("a run's folder") {
        write_text(small.options.workshop.out / "config.toml", "");
        CHECK_THAT(refusal(UsageError("")), contains("is the folder of a run"));
    }
    SECTION("a split without samples") {
        small.options.workshop.loader.split = Split::test;
        CHECK_THAT(refusal(InputError("")), contains("has no test samples"));
    }
    SECTION("records that are none") {
        write_text(small.options.workshop.out / "fit.jsonl", "nonsense\n");
        CHECK_THAT(refusal(InputError("")), contains("fit.jsonl:1 is no record of a measurement"));
    }
    CHECK(small.measured.size() <= 2);
}

TEST_CASE("A graph keeps its size and its channels, and says so", "[fit]") {
    SmallFit small;
    LoadedModel model = load_model(small.checkpoint);
    const std::string file = small.folder / "graph.safetensors";
    std::map<std::string, std::string> metadata;
    write_spec(model.spec, metadata);
    save_graph(file, graph::trace(*model.module, 32, 32, 1), std::move(metadata));
    small.options.workshop.training.checkpoint = file;
    small.options.ways = {Way::int8, Way::size, Way::prune};
    const FitResult result = small.run();
    CHECK(chosen_name(result) == "resnet20-32-int8");
    REQUIRE(result.notes.size() == 2);
    CHECK_THAT(result.notes[0], contains("size is left out: the checkpoint is a graph"));
    CHECK_THAT(result.notes[1], contains("prune is left out"));
}

TEST_CASE("The page has the verdict, every candidate and no markup from names", "[fit]") {
    SmallFit small;
    FitResult result = small.run();
    result.checkpoint = "<script>alert(1)</script>";
    result.test = Accuracy{0.8, Interval{0.7, 0.9}, 0.001, std::nullopt};
    const std::string page = page_of(result);
    CHECK(count_of(page, "<script") == 0);
    CHECK_THAT(page, contains("&lt;script&gt;"));
    CHECK_THAT(page, contains("<b>resnet20-32-int8</b>, chosen"));
    CHECK(count_of(page, "<svg class=\"plot\"") == 4);
    CHECK_THAT(page, contains("on the test split, which nothing was chosen by: AUC 0.8000 (0.7000 to 0.9000)"));
    CHECK_THAT(page, contains("resnet20-28-f32"));  // among those not measured
    CHECK_THAT(page, contains("the search ended before"));
}

}  // namespace keel::fit
