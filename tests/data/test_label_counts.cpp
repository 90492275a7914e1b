#include "data/inspect/label_counts.h"

#include "engine/json.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;
using keel::test::small_contents;
using keel::test::SmallDataset;

TEST_CASE("Counts of labels name the samples without any", "[label_counts]") {
    const SmallDataset data(small_contents(Task::labels, 5, 2));  // masks 0 1 2 3 0, and 0 1
    const auto counts = count_labels(data);
    CHECK(json_text(label_counts_json(data, counts)) ==
          R"({"train":{"samples":5,"labels":{"A":2,"B":2},"without_label":2},)"
          R"("val":{"samples":2,"labels":{"A":1,"B":0},"without_label":1},)"
          R"("test":{"samples":0,"labels":{"A":0,"B":0},"without_label":0}})");
    CHECK(label_counts_table(data, counts) ==
          "label        train  val  test\n"
          "A                2    1     0\n"
          "B                2    0     0\n"
          "without any      2    1     0\n"
          "samples          5    2     0\n");
}

TEST_CASE("Counts name what is not known", "[label_counts]") {
    DatasetContents contents = small_contents(Task::labels, 3, 1);
    contents.splits[0][2].known = 0b10;  // of A nothing
    const SmallDataset data(contents);
    const auto counts = count_labels(data);
    CHECK(json_text(label_counts_json(data, counts).at("train").at("unknown")) == R"({"A":1,"B":0})");
    CHECK_FALSE(label_counts_json(data, counts).at("val").contains("unknown"));
    CHECK_THAT(label_counts_table(data, counts), contains("A unknown        1    0     0\n"));
}

TEST_CASE("Counts of classes leave nobody without one", "[label_counts]") {
    const SmallDataset data(small_contents(Task::classes, 3, 0, 1));
    const auto counts = count_labels(data);
    CHECK(json_text(label_counts_json(data, counts).at("train")) == R"({"samples":3,"labels":{"A":2,"B":1}})");
    CHECK(label_counts_table(data, counts) ==
          "class    train  val  test\n"
          "A            2    0     1\n"
          "B            1    0     0\n"
          "samples      3    0     1\n");
}
