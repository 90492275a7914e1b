#include "train/step_timing.h"

#include <mutex>

#include "distributed/thread_communicator.h"
#include "engine/checkpoint.h"
#include "engine/precision.h"
#include "graph/build/graph_file.h"
#include "graph/build/trace.h"
#include "kernels/error.h"
#include "models/model_spec.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;

namespace {

StepTimingOptions small(const std::string& mode) {
    return {.model = "resnet20",
            .mode = mode,
            .options = {.classes = 2, .channels = 1},
            .batch = 2,
            .image_size = 32,
            .steps = 3,
            .warmup = 1};
}

}  // namespace

TEST_CASE("Steps of every mode are timed after those before them", "[step_timing]") {
    for (const char* mode : {"train", "infer", "int8"}) {
        CAPTURE(mode);
        run_worlds({.ranks = 1}, [&](World& world) {
            StepTimingOptions options = small(mode);
            std::vector<int> heard;
            options.on_step = [&](int done, double) { heard.push_back(done); };
            const StepTiming timing = time_steps(options, world);
            CHECK((timing.seconds.size() == 3 && timing.exposed.empty()));
            CHECK((heard == std::vector{1, 2, 3, 4}));
            const StepSpeed speed = speed_of(timing, 2, world);
            CHECK((speed.median >= speed.least && speed.least > 0));
            CHECK((speed.images_per_second == 2 / speed.median && speed.sums == 0));
        });
    }
    run_worlds({.ranks = 1}, [](World& world) { CHECK_THROWS_AS(time_steps(small("both"), world), UsageError); });
}

TEST_CASE("Steps of inference say what they ran in", "[step_timing]") {
    run_worlds({.ranks = 1}, [](World& world) {
        StepTimingOptions options = small("infer");
        CHECK(time_steps(options, world).precision == "f32");
        options.precision = "bf16";
        const StepTiming timing = time_steps(options, world);
        CHECK((timing.precision == "bf16" && timing.notes.empty()));
        REQUIRE(timing.in_f32.size() >= 2);
        CHECK((timing.in_f32.front() == "conv1" && timing.in_f32.back() == "fc"));
        options.mode = "int8";
        options.precision = "auto";
        const StepTiming quantized = time_steps(options, world);
        CHECK((quantized.precision == "f32" && quantized.in_f32.empty()));
        CHECK(quantized.notes.size() == (multiplies_bf16() ? 1 : 0));
    });
}

TEST_CASE("Ranks that train together say how long sums took, and are as fast as all of them", "[step_timing]") {
    std::mutex checks;  // Catch2 hears of one thread at a time
    run_worlds({.ranks = 2, .per_node = 2}, [&](World& world) {
        const StepTiming timing = time_steps(small("train"), world);
        const StepSpeed speed = speed_of(timing, 2, world);
        const std::lock_guard lock(checks);
        CHECK((timing.seconds.size() == 3 && timing.exposed.size() == 3 && timing.processor.size() == 3));
        CHECK(speed.sums > 0);
        CHECK(speed.images_per_second >= 2 * 2 / speed.median);
    });
}

TEST_CASE("The steps of a file's model are timed with what the file says", "[step_timing]") {
    const test::TemporaryFolder folder;
    const std::string checkpoint = folder / "k.safetensors", graph = folder / "g.safetensors";
    const auto module = make_model("resnet20", {.classes = 2, .channels = 1, .small_stem = true}, 1);
    module->train(false);
    ModelSpec spec{.name = "resnet20", .options = {.classes = 2, .channels = 1}, .image_size = 32};
    default_normalization(spec);
    spec.label_names = {"a", "b"};
    std::map<std::string, std::string> metadata;
    write_spec(spec, metadata);
    save_checkpoint(checkpoint, {metadata, module->state()});
    save_graph(graph, graph::trace(*module, 32, 32, 1), metadata);
    const auto options_for = [](const std::string& file, const char* mode) {
        StepTimingOptions options = small(mode);
        options.model = "densenet121";
        options.options.channels = 3;
        options.image_size = 224;
        options.checkpoint = file;
        take_checkpoint(options);
        CHECK((options.model == "resnet20" && options.options.channels == 1 && options.image_size == 32));
        return options;
    };
    for (const auto& [file, mode] :
         {std::pair{checkpoint, "train"}, {checkpoint, "int8"}, {graph, "infer"}, {graph, "int8"}})
        run_worlds({.ranks = 1},
                   [&](World& world) { CHECK(time_steps(options_for(file, mode), world).seconds.size() == 3); });
    run_worlds({.ranks = 1},
               [&](World& world) { CHECK_THROWS_AS(time_steps(options_for(graph, "train"), world), InputError); });
}
