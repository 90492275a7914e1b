#include "runs/profile_text.h"

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;

using keel::test::contains;

namespace {

profile::Totals totals(std::int64_t calls, double seconds, double flops, double bytes) {
    profile::Totals t;
    t.calls = calls;
    t.seconds = seconds;
    t.cost.flops = flops;
    t.cost.bytes = bytes;
    return t;
}

/// Two steps of 4 ms: a convolution forward and backward, and a layer that takes next to nothing.
profile::Summary two_steps() {
    profile::Summary summary;
    summary.seconds = 0.008;
    summary.kinds = {{"conv", totals(4, 0.006, 12e6, 3e6)}, {"relu", totals(2, 0.002, 0, 4e6)}};
    summary.layers = {{"block.conv", totals(2, 0.002, 4e6, 1e6), totals(2, 0.004, 8e6, 2e6)},
                      {"", totals(2, 0.002, 0, 4e6), {}},
                      {"tiny", totals(1, 1e-6, 1, 1), {}}};
    return summary;
}

}  // namespace

TEST_CASE("A profile's tables are of one step, and leave out what takes no time", "[profile]") {
    CHECK(profile_text(two_steps(), 2) ==
          "kind of work  calls    ms  GFLOP/s  GB/s      %\n"
          "conv              2  3.00      2.0   0.5   75.0\n"
          "relu              1  1.00            2.0   25.0\n"
          "all                  4.00                 100.0\n"
          "\n"
          "layer       forward ms  GFLOP/s  GB/s  backward ms  GFLOP/s  GB/s     %\n"
          "block.conv        1.00      2.0   0.5         2.00      2.0   0.5  75.0\n"
          "(no layer)        1.00            2.0                              25.0\n");
}

TEST_CASE("A profile's object has all layers", "[profile]") {
    const Json json = profile_json(two_steps(), 2);
    CHECK(json.at("steps") == 2);
    CHECK(json.at("step_ms").get<double>() == Approx(4));
    REQUIRE(json.at("kinds").size() == 2);
    CHECK(json.at("kinds")[0].at("kind") == "conv");
    CHECK(json.at("kinds")[0].at("calls") == 2.0);
    CHECK(json.at("kinds")[0].at("gflops").get<double>() == Approx(2));
    CHECK(json.at("kinds")[1].at("gbs").get<double>() == Approx(2));
    REQUIRE(json.at("layers").size() == 3);
    CHECK(json.at("layers")[0].at("backward").at("ms").get<double>() == Approx(2));
    CHECK(json.at("layers")[2].at("layer") == "tiny");
    CHECK(json.at("layers")[2].at("backward").at("gflops") == 0);
}
