#include "data/pipeline/label_groups.h"

#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;
using Groups = std::vector<std::vector<std::int64_t>>;

TEST_CASE("Samples are grouped by class; one of no known class is in no group", "[label_groups]") {
    DatasetContents contents = small_contents(Task::classes, 5);
    contents.label_names = {"A", "B", "nobody's"};
    contents.splits[0][3].label = kUnknownClass;
    const LabelGroups groups = label_groups(SmallDataset(std::move(contents)), Split::train);
    CHECK(groups.names == std::vector<std::string>{"A", "B"});
    CHECK(groups.samples == Groups{{0, 2, 4}, {1}});
    CHECK(groups.left_out == 1);
}

TEST_CASE("Samples of labels are in the group of each they show, or in that of those that show none",
          "[label_groups]") {
    DatasetContents contents = small_contents(Task::labels, 6);  // masks 0, A, B, A and B, 0, A
    contents.splits[0][4].known = 0b10;
    contents.splits[0][0].known = 0;
    const LabelGroups groups = label_groups(SmallDataset(std::move(contents)), Split::train);
    CHECK(groups.names == std::vector<std::string>{"A", "B", "no label"});
    CHECK(groups.samples == Groups{{1, 3, 5}, {2, 3}, {4}});
    CHECK(groups.left_out == 1);
}
