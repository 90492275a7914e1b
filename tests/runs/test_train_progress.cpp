#include "runs/terminal/train_progress.h"

#include <iostream>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

namespace {

/// What the progress of two epochs writes to stderr.
std::string written(bool quiet) {
    std::ostringstream text;
    std::streambuf* const before = std::cerr.rdbuf(text.rdbuf());
    {
        TrainProgress progress(quiet);
        for (std::int64_t epoch = 1; epoch <= 2; ++epoch) {
            progress.on_step({.epoch = epoch,
                              .epochs = 2,
                              .step = epoch,
                              .samples_done = 8,
                              .samples = 32,
                              .mean_loss = 0.5,
                              .images_per_second = 10});
            progress.on_epoch_trained({epoch, 2, ""});
        }
        progress.on_end();
    }
    std::cerr.rdbuf(before);
    return text.str();
}

}  // namespace

TEST_CASE("Each epoch has a bar of its own, which ends with its last state", "[progress]") {
    const std::string text = written(false);
    CHECK_THAT(text, contains("epoch 1/2") && contains("8/32  loss 0.5000  10.0 img/s") && contains("epoch 2/2"));
    CHECK(text.ends_with("\n"));
}

TEST_CASE("A quiet run has none", "[progress]") { CHECK(written(true).empty()); }
