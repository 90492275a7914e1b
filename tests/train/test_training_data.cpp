// Data of which nothing can be learnt are refused.
#include "train/training_data.h"

#include "kernels/error.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

std::string refusal(DatasetContents contents) {
    try {
        check_training_data(SmallDataset(std::move(contents)), "folder:x");
        return "";
    } catch (const InputError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("Training wants samples of two classes, or of one label that is known", "[training_data]") {
    CHECK(refusal(small_contents(Task::classes, 2)).empty());
    CHECK(refusal(small_contents(Task::labels, 1)).empty());
    CHECK_THAT(refusal(small_contents(Task::classes, 0, 2)), contains("folder:x has no training samples"));
    CHECK_THAT(refusal(small_contents(Task::classes, 1, 2)),
               contains("folder:x: wanted training samples of at least two classes, all 1 are of one class, 'A'") &&
                   contains("it has the classes A, B"));
    DatasetContents single = small_contents(Task::classes, 0);
    single.label_names = {"only"};
    for (int i = 0; i < 3; ++i) single.splits[0].push_back({.name = "x", .label = 0});
    CHECK_THAT(refusal(single), contains("all 3 are of one class, 'only'"));
    DatasetContents unknown = small_contents(Task::classes, 2);
    for (Sample& sample : unknown.splits[0]) sample.label = kUnknownClass;
    CHECK_THAT(refusal(unknown), contains("no training sample whose class is known"));
    DatasetContents labels = small_contents(Task::labels, 2);
    for (Sample& sample : labels.splits[0]) sample.known = 0;
    CHECK_THAT(refusal(labels), contains("no training sample of which a label is known"));
}
