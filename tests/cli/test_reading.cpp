#include "cli/reading.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>

#include "cli/train_options.h"
#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::cli;

TEST_CASE("A loader reads as the command line says and as the model takes images", "[reading]") {
    CLI::App app;
    ReadingOptions options;
    options.batch_size = 32;
    add_reading(app, options);
    app.parse(std::vector<std::string>{"5", "--split-seed", "0.5", "--max-bad", "3", "--workers"});
    CHECK(read_dataset_options(app).split_seed == 5);
    options.split = "val";

    ModelSpec spec;
    spec.options.channels = 1;
    spec.image_size = 96;
    spec.mean = {0.25F};
    spec.std = {0.5F};
    const LoaderOptions loader = loader_options(options, spec, "eval");
    CHECK(loader.split == Split::val);
    CHECK(loader.batch_size == 32);
    CHECK(loader.workers == 3);
    CHECK(loader.max_bad == 0.5);
    CHECK(loader.transform.image_size == 96);
    CHECK(loader.transform.channels == 1);
    CHECK(loader.transform.mean == std::vector<float>{0.25F});
    CHECK(loader.transform.std == std::vector<float>{0.5F});
    CHECK_FALSE(loader.transform.augment);
    CHECK_FALSE(loader.shuffle);

    options.split = "half";
    CHECK_THROWS_AS(loader_options(options, spec, "eval"), UsageError);
}

TEST_CASE("A bad image is named with the command that skipped it", "[reading]") {
    ReadingOptions options;
    options.split = "test";
    const LoaderOptions loader = loader_options(options, {}, "quantize");
    std::ostringstream text;
    std::streambuf* const before = std::cerr.rdbuf(text.rdbuf());
    loader.on_bad_image({0, "a.png", "[png] too short"});
    std::cerr.rdbuf(before);
    CHECK(text.str() == "keel quantize: skipped a.png: [png] too short\n");
}
