#include "runs/report/scores.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::report;
using keel::test::contains;

namespace {

/// Five images: A's positives score 0.8, 0.2, 0.6, its negatives 0.9, 0.3; of B one truth is not known.
StoredPredictions two_labels() {
    StoredPredictions stored;
    stored.labels = {"A <x>", "B"};
    stored.multi_label = true;
    stored.predictions.names = {"a", "b", "c", "d", "e"};
    stored.predictions.probabilities = {0.9F, 0.2F, 0.8F, 0.3F, 0.3F, 0.7F, 0.2F, 0.8F, 0.6F, 0.4F};
    stored.predictions.targets = {0, 1, 1, 0, 0, 1, 1, -1, 1, 0};
    return stored;
}

}  // namespace

TEST_CASE("A label's scores are those of the samples whose truth is known", "[scores]") {
    const auto scores = label_scores(two_labels());
    REQUIRE(scores.size() == 2);
    CHECK(scores[0].positives == 3);
    CHECK(scores[0].samples == 5);
    CHECK(scores[1].samples == 4);
    // Of A 2 of 6 pairs are in order, of B (0.2, 0.7 against 0.3, 0.4) 2 of 4.
    CHECK(scores[0].auroc == Approx(2.0 / 6));
    CHECK(scores[1].auroc == Approx(0.5));
    CHECK((scores[0].low <= scores[0].auroc && scores[0].auroc <= scores[0].high));
    // A's positives are the second, third and fifth of all: (1/2 + 2/3 + 3/5) / 3.
    CHECK(scores[0].average_precision == Approx((1.0 / 2 + 2.0 / 3 + 3.0 / 5) / 3));
}

TEST_CASE("The table of scores has a row a label and their mean; what is undefined is a dash", "[scores]") {
    RunData run;
    CHECK_THAT(scores_html(run), contains("no predictions"));
    run.predictions = two_labels();
    CHECK_THAT(scores_html(run), contains("<td>A &lt;x&gt;</td><td>3</td><td>5</td><td>0.3333</td>") &&
                                     contains("<td>mean</td><td></td><td></td><td>0.4167</td>"));
    run.predictions->predictions.targets = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0};
    const auto scores = label_scores(*run.predictions);
    CHECK(std::isnan(scores[0].auroc));
    CHECK(std::isnan(scores[0].low));
    CHECK_THAT(scores_html(run), contains("<td>A &lt;x&gt;</td><td>5</td><td>5</td><td>–</td>"));
}

TEST_CASE("Confusion counts each sample under its truth and the most probable class", "[scores]") {
    StoredPredictions stored;
    stored.labels = {"cat", "dog"};
    stored.predictions.names = {"a", "b", "c"};
    stored.predictions.probabilities = {0.6F, 0.4F, 0.1F, 0.9F, 0.2F, 0.8F};
    stored.predictions.labels = {1, 1, 1};
    CHECK_THAT(confusion_html(stored), contains("<title>dog as cat: 1 of 3</title>") &&
                                           contains("<title>dog as dog: 2 of 3</title>") &&
                                           contains("<title>cat as cat: 0 of 0</title>"));
    stored.labels.resize(61);
    CHECK_THAT(confusion_html(stored), contains("61 classes are too many"));
}
