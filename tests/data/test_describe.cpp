#include "data/inspect/info.h"

#include <string>
#include <vector>

#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"

using namespace keel;
using keel::test::small_contents;
using keel::test::SmallDataset;

namespace {

/// The notes and warnings of a data set, a line each, warnings with a `!`.
std::vector<std::string> lines_of(DatasetContents contents) {
    std::vector<std::string> lines;
    for (const Remark& remark : describe(SmallDataset(std::move(contents))))
        lines.push_back((remark.warning ? "! " : "") + remark.text);
    return lines;
}

}  // namespace

TEST_CASE("A line a split says how many samples it has and how it was made", "[describe]") {
    DatasetContents contents = small_contents(Task::classes, 4, 2, 2);
    contents.origins = {"folder train", "10 % of the rest, seed 0", ""};
    contents.splits[0][0].patient = contents.splits[0][1].patient = "p1";
    contents.splits[0][2].patient = "p2";
    CHECK(lines_of(contents) == std::vector<std::string>{"train: 4 samples of 2 patients, folder train",
                                                         "val: 2 samples, 10 % of the rest, seed 0",
                                                         "test: 2 samples"});
}

TEST_CASE("What was not used, and what scores do not show, follows as warnings", "[describe]") {
    DatasetContents contents = small_contents(Task::labels, 5, 2);
    contents.remarks = {{true, "the source's own"}};
    contents.missing = {"a", "b", "c", "d"};
    contents.unlisted = {"e"};
    contents.unlabelled = {"f", "g"};
    contents.splits[0][0].patient = contents.splits[1][0].patient = "p1";
    contents.splits[0][1].known = 0b01;
    const std::vector<std::string> lines = lines_of(contents);
    CHECK(std::vector(lines.begin() + 3, lines.end()) ==
          std::vector<std::string>{
              "! the source's own",
              "! 4 rows of the label file have no image and are not used: a, b, c and 1 more",
              "! 2 images have no row in the label file and are not used: f, g",
              "! 1 labelled images are in none of the official lists and are not used: e",
              "! 1 patients have images in several splits: scores are too good by them: p1",
              "train: not known of every sample: B; loss and scores leave those out",
              "! val: no sample shows B",
          });
}
