#include "runs/report/errors.h"

#include "tests/support/catch.h"

using namespace keel;
using namespace keel::report;

TEST_CASE("The surest errors come first", "[report]") {
    StoredPredictions stored;
    stored.labels = {"A", "B"};
    SECTION("labels: seen and not there, then missed, one of a sample, two of a label") {
        stored.multi_label = true;
        stored.predictions.names = {"0", "1", "2", "3", "4"};
        stored.predictions.probabilities = {0.9F, 0.95F, 0.8F, 0.1F, 0.7F, 0.2F, 0.6F, 0.4F, 0.05F, 0.3F};
        stored.predictions.targets = {0, 0, 0, 0, 0, 1, 0, -1, 1, 0};
        const auto errors = confident_errors(stored, 12);
        REQUIRE(errors.size() == 4);
        CHECK((errors[0].sample == 0 && errors[0].label == 1 && !errors[0].missed));  // 0.95, not the same image's 0.9
        CHECK((errors[1].sample == 1 && errors[1].label == 0));
        CHECK((errors[2].sample == 2 && errors[2].label == 0));  // the third of A is left out
        CHECK((errors[3].sample == 4 && errors[3].missed));
        CHECK(confident_errors(stored, 2).size() == 2);
    }
    SECTION("classes: taken for another") {
        stored.predictions.names = {"0", "1", "2"};
        stored.predictions.probabilities = {0.6F, 0.4F, 0.1F, 0.9F, 0.2F, 0.8F};
        stored.predictions.labels = {1, 0, 1};
        const auto errors = confident_errors(stored, 12);
        REQUIRE(errors.size() == 2);
        CHECK((errors[0].sample == 1 && errors[0].label == 1));
        CHECK((errors[1].sample == 0 && errors[1].label == 0));
    }
}
