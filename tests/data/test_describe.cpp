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

TEST_CASE("A split's line counts what nothing is known of, and remarks on one split name it", "[describe]") {
    DatasetContents contents = small_contents(Task::classes, 4, 2);
    contents.splits[0][0].label = kUnknownClass;
    CHECK(lines_of(contents)[0] == "train: 4 samples; nothing is known of 1, which are not used");
    contents = small_contents(Task::labels, 5, 2);
    contents.remarks = {{true, "of all"}};
    contents.splits[0][0].known = contents.splits[0][1].known = 0;
    contents.splits[0][1].soft = {kNoSoftTarget, 0.5F};  // a loss has a use for it
    const SmallDataset dataset(contents);
    CHECK(count_labels(dataset)[0].unused == 1);
    for (const Remark& remark : describe(dataset)) {
        CAPTURE(remark.text);
        const bool names_one =
            remark.text.starts_with("train: ") || remark.text.starts_with("val: ") || remark.text.starts_with("test: ");
        CHECK(remark.split.has_value() == names_one);
        if (remark.split) CHECK(remark.text.starts_with(split_name(*remark.split)));
    }
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
    CHECK(
        std::vector(lines.begin() + 3, lines.end()) ==
        std::vector<std::string>{
            "! the source's own",
            "! 4 rows of the label file have no image (no picture file is there) and are not used: a, b, c and 1 more",
            "! 2 images have no row in the label file and are not used: f, g",
            "! 1 labelled images are in none of the official lists and are not used: e",
            "! 1 patients have images in several splits: scores are too good by them: p1",
            "train: not known of every sample: B; loss and scores leave those out",
            "! val: no sample shows B",
        });
}

TEST_CASE("Classes that a split lacks are named, and shares of splits that had no effect", "[describe]") {
    DatasetContents contents = small_contents(Task::classes, 4, 1);
    contents.label_names = {"A", "B", "C", "D"};
    contents.origins = {"folder train", "folder val", ""};
    const auto says = [](const DatasetContents& of, const DatasetOptions& options = {}) {
        std::string lines;
        for (const Remark& remark : describe(SmallDataset(of), options))
            lines += (remark.warning ? "! " : "") + remark.text + "\n";
        return lines;
    };
    DatasetOptions asked;
    asked.val_fraction = asked.test_fraction = 0.3;
    CHECK(says(contents, asked) ==
          "train: 4 samples, folder train\n"
          "val: 1 samples, folder val\n"
          "test: 0 samples\n"
          "! --val-fraction has no effect: the split is folder val\n"
          "! --test-fraction has no effect: the split is as the data bring it, or do not\n"
          "! classes C, D have no training samples: outputs of the network that nothing trains\n"
          "! val: classes B, C, D have no samples\n");
    contents.origins[1] = "30 % of the rest, seed 0";
    asked.test_fraction = DatasetOptions().test_fraction;
    CHECK(says(contents, asked).find("no effect") == std::string::npos);
    for (Sample& sample : contents.splits[0]) sample.label = 1;
    CHECK(says(contents).find("! class B alone has training samples") != std::string::npos);
}
