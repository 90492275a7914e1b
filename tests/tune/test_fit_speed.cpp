#include "tune/fit/speed.h"

#include <filesystem>

#include "kernels/cpu.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace keel::fit {  // not used: names of other searches are compiled beside these

using keel::test::contains;

namespace {

/// A program in place of keel: it notes its command line and what KEEL_ISA is, and says what it is told to.
std::string stand_in(const TemporaryFolder& folder, const std::string& says) {
    const std::string path = folder / "keel";
    write_text(path, "#!/bin/sh\necho \"$KEEL_ISA $*\" >> " + (folder / "calls") + "\n" + says + "\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
}

const std::string kFigures =
    R"({"images_per_second": 50.0, "step_ms_median": 20.0, "peak_rss_mb": 300.0, "precision": "f32"})";

}  // namespace

TEST_CASE("What keel bench says is read strictly", "[fit]") {
    const BenchFigures figures = read_bench_figures(kFigures);
    CHECK(figures.images_per_second == 50);
    CHECK(figures.step_ms == 20);
    CHECK(figures.memory_mb == 300);
    CHECK(figures.precision == "f32");
    for (const char* text : {"", "{}", "[1]", "nonsense", R"({"images_per_second": 0})",
                             R"({"images_per_second": "fast", "step_ms_median": 1, "peak_rss_mb": 1})",
                             R"({"images_per_second": 1, "step_ms_median": -1, "peak_rss_mb": 1})",
                             R"({"images_per_second": null, "step_ms_median": 1, "peak_rss_mb": 1})"}) {
        INFO(text);
        CHECK_THROWS_AS(read_bench_figures(text), InputError);
    }
}

TEST_CASE("As many steps are timed as the seconds hold, and the median of rounds counts", "[fit]") {
    CHECK(steps_to_time(1, 20) == 50);
    CHECK(steps_to_time(1, 5000) == 3);
    CHECK(steps_to_time(1, 1e-9) == 1000);
    const Speed speed =
        speed_of({{10, 100, 5, ""}, {30, 33, 9, ""}, {20, 50, 7, ""}}, {{1, 12, 1, ""}, {1, 10, 1, ""}});
    CHECK(speed.images_per_second == 20);
    CHECK(speed.rate_low == 10);
    CHECK(speed.rate_high == 30);
    CHECK(speed.latency_ms == 11);
    CHECK(speed.latency_high == 12);
    CHECK(speed.memory_mb == 9);
}

TEST_CASE("Of rounds beside other work the fastest count, and more of them are taken", "[fit]") {
    CHECK(is_steady(100, 119));
    CHECK_FALSE(is_steady(100, 121));
    const std::vector<BenchFigures> fastest = fastest_of({{10, 1, 1, ""}, {30, 1, 1, ""}, {20, 1, 1, ""}}, 2);
    REQUIRE(fastest.size() == 2);
    CHECK(fastest[0].images_per_second == 30);
    CHECK(fastest[1].images_per_second == 20);
    CHECK(fastest_of({{10, 1, 1, ""}}, 3).size() == 1);

    TemporaryFolder folder;  // the second and the third process are disturbed
    const SpeedOptions options{.program = stand_in(folder, "n=$(wc -l < " + (folder / "calls") +
                                                               "); r=50; case $n in 2|3) r=10;; esac\n"
                                                               "echo '{\"images_per_second\": '$r', "
                                                               "\"step_ms_median\": 20, \"peak_rss_mb\": 300}'"),
                               .batch = 1,
                               .rounds = 3};
    const Speed speed = measure_by_program(options)(folder / "m", Form::f32, Quantizing::as_it_is);
    CHECK(speed.rate_low == 50);
    CHECK(speed.images_per_second == 50);
    CHECK(count_of(read_text(folder / "calls"), "\n") == 1 + 6);
}

TEST_CASE("A file is measured by processes of their own, on the instruction set that is asked for", "[fit]") {
    TemporaryFolder folder;
    SpeedOptions options{.program = stand_in(folder, "echo note >&2; echo '" + kFigures + "'"),
                         .batch = 16,
                         .threads = 3,
                         .isa = "avx2",
                         .rounds = 2,
                         .seconds = 0.1};
    const Speed speed = measure_by_program(options)(folder / "m.safetensors", Form::f32, Quantizing::as_it_is);
    CHECK(speed.images_per_second == 50);
    CHECK(speed.latency_ms == 20);
    const std::string calls = read_text(folder / "calls");
    CHECK(count_of(calls, "avx2 bench --checkpoint " + (folder / "m.safetensors")) == 6);
    CHECK(count_of(calls, "--batch 16 --steps 3 ") == 1);  // says how many steps to time
    CHECK(count_of(calls, "--batch 16 --steps 5 ") == 2);
    CHECK(count_of(calls, "--batch 1 --steps 5 ") == 2);
    CHECK(count_of(calls, "--threads 3") == 6);
    CHECK(count_of(calls, "--mode infer") == 6);

    options.batch = 1;  // one measurement serves both
    measure_by_program(options)(folder / "m.safetensors", Form::int8, Quantizing::by_random_images);
    CHECK(count_of(read_text(folder / "calls"), "--mode int8") == 3);
}

TEST_CASE("A program that fails, or runs in another precision, is said with its last words", "[fit]") {
    TemporaryFolder folder;
    const auto measured = [&](const std::string& program, Form form) {
        return measure_by_program({.program = program, .rounds = 1})(folder / "m", form, Quantizing::as_it_is);
    };
    try {
        measured(stand_in(folder, "echo 'keel bench: [checkpoint] m is damaged' >&2; exit 3"), Form::f32);
        FAIL("taken");
    } catch (const InputError& error) {
        CHECK_THAT(error.what(), contains("ended with code 3: keel bench: [checkpoint] m is damaged"));
    }
    CHECK_THROWS_AS(measured(stand_in(folder, "exit 0"), Form::f32), InputError);
    CHECK_THROWS_AS(measured(stand_in(folder, "echo '" + kFigures + "'"), Form::bf16), UsageError);
    CHECK_THROWS_AS(measured(folder / "nothing", Form::f32), InputError);
}

TEST_CASE("The instruction set to fit to is one that this machine runs", "[fit]") {
    CHECK(isa_of({.isa = "scalar"}).name == std::string("scalar"));
    CHECK(isa_of({}).name == std::string(active_isa().name));
    CHECK_THROWS_AS(isa_of({.isa = "abacus"}), UsageError);
    CHECK_THAT(conditions_of({.batch = 4, .threads = 3, .isa = "scalar"}),
               contains("scalar, 3 threads, 4 images at a time"));
}

}  // namespace keel::fit
