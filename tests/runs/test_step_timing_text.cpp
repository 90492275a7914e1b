#include "runs/step_timing_text.h"

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

TEST_CASE("Timed steps are told in a line, sums over ranks where there are several", "[step_timing]") {
    const StepTimingOptions options{.model = "resnet20", .mode = "train", .batch = 4, .image_size = 32, .steps = 3};
    const StepSpeed speed{.images_per_second = 200,
                          .median = 0.02,
                          .least = 0.015,
                          .late = 0.03,
                          .mean = 0.021,
                          .exposed = 0.001,
                          .sums = 0.004,
                          .processor = 0.003};
    const Json one = timing_json(options, speed, 1);
    CHECK((one.at("step_ms_median") == 20 && one.at("step_ms_min") == 15 && one.at("images_per_second") == 200));
    CHECK((one.at("step_ms_p99") == 30 && one.at("step_ms_mean") == 21));
    CHECK((one.at("peak_rss_mb") > 1 && !one.contains("sums_ms")));
    CHECK_THAT(timing_text(options, one),
               contains("resnet20 train batch 4 at 32: 200.00 img/s, step 20.0 ms (median of 3, "
                        "best 15.0)") &&
                   !contains("ranks"));
    const Json two = timing_json(options, speed, 2);
    CHECK(two.at("sums_ms") == 4);
    CHECK_THAT(timing_text(options, two),
               contains("on each of 2 ranks") &&
                   contains("sums over ranks 4.0 ms, 1.0 of them waited for, 3.0 with a processor"));
    StepSpeed disturbed = speed;
    disturbed.stolen = 0.004;
    CHECK_THAT(timing_text(options, timing_json(options, disturbed, 1)), !contains("others"));
    disturbed.stolen = 0.25;
    CHECK(timing_json(options, disturbed, 1).at("stolen") == 0.25);
    CHECK_THAT(timing_text(options, timing_json(options, disturbed, 1)),
               contains("others had its processors for 25 % of the threads' time"));
    StepTimingOptions infer = options;
    infer.mode = "infer";
    CHECK_FALSE(timing_json(infer, speed, 2).contains("sums_ms"));
}
