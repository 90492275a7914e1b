#include "data/sources/joined_splits.h"

#include "kernels/error.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("All splits become one, whose images are those of the set", "[joined_splits]") {
    DatasetContents contents = small_contents(Task::classes, 4, 2, 3);
    contents.splits[0][1].label = kUnknownClass;
    const SmallDataset apart(contents);
    std::unique_ptr<Dataset> data = std::make_unique<SmallDataset>(contents);
    const Split split = take_split(data, "all");
    CHECK(split == Split::test);
    CHECK((data->size(Split::train) == 0 && data->size(Split::val) == 0 && data->size(Split::test) == 8));
    const std::vector<std::pair<Split, std::int64_t>> places{{Split::train, 0}, {Split::train, 2}, {Split::train, 3},
                                                             {Split::val, 0},   {Split::val, 1},   {Split::test, 0},
                                                             {Split::test, 1},  {Split::test, 2}};
    for (std::size_t i = 0; i < places.size(); ++i) {
        const auto [from, index] = places[i];
        CHECK(data->samples(split)[i].name == apart.samples(from)[static_cast<std::size_t>(index)].name);
        CHECK(data->samples(split)[i].label == apart.samples(from)[static_cast<std::size_t>(index)].label);
        CHECK(data->load(split, static_cast<std::int64_t>(i)).pixels == apart.load(from, index).pixels);
    }
    REQUIRE(data->remarks().size() == 1);
    CHECK_THAT(data->remarks()[0].text, contains("1 samples are left out") && contains("train1"));
    CHECK(data->origin(split) == "all splits");
}

TEST_CASE("A split by name leaves the set as it is", "[joined_splits]") {
    std::unique_ptr<Dataset> data = std::make_unique<SmallDataset>(small_contents(Task::labels, 2, 1, 1));
    const Dataset* before = data.get();
    CHECK(take_split(data, "val") == Split::val);
    CHECK(data.get() == before);
    CHECK_THROWS_AS(take_split(data, "each"), UsageError);
}
