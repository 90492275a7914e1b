#include "data/sources/pack_attributes.h"

#include <filesystem>

#include "data/sources/pack.h"
#include "kernels/error.h"
#include "tests/data/small_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

DatasetContents with_attributes() {
    DatasetContents contents = small_contents(Task::labels, 3, 1, 2);
    contents.attribute_names = {"sex", "odd,name"};
    contents.splits[0][1].attributes = {"F", "x,\"y"};
    contents.splits[2][1].attributes = {"M", ""};
    return contents;
}

PackSummary pack_into(const std::string& directory, const DatasetContents& contents) {
    return write_pack(SmallDataset(contents),
                      {.directory = directory, .split = {}, .size = 0, .on_bad_image = {}, .on_progress = {}});
}

std::string refusal(const std::string& directory) {
    try {
        open_dataset("pack:" + directory);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("A pack keeps what is known of its samples", "[pack]") {
    const TemporaryFolder scratch;
    pack_into(scratch / "pack", with_attributes());
    const SmallDataset source(with_attributes());
    const auto packed = open_dataset("pack:" + (scratch / "pack"));
    CHECK(packed->attribute_names() == source.attribute_names());
    for (const Split split : kSplits)
        for (std::int64_t i = 0; i < source.size(split); ++i)
            CHECK(packed->samples(split)[static_cast<std::size_t>(i)].attributes ==
                  source.samples(split)[static_cast<std::size_t>(i)].attributes);

    pack_into(scratch / "plain", small_contents(Task::labels, 3, 1, 2));
    CHECK_FALSE(std::filesystem::exists(scratch / "plain/attributes.csv"));
    CHECK(open_dataset("pack:" + (scratch / "plain"))->attribute_names().empty());
    // Older packs have no such file.
    std::filesystem::remove(scratch / "pack/attributes.csv");
    CHECK(open_dataset("pack:" + (scratch / "pack"))->attribute_names().empty());
}

TEST_CASE("Attributes that are not those of the pack are refused by line", "[pack]") {
    const TemporaryFolder scratch;
    pack_into(scratch / "pack", with_attributes());
    const std::string file = scratch / "pack/attributes.csv", good = read_text(file), head = "name,sex\n";
    const auto refused = [&](const std::string& text) {
        write_text(file, text);
        return refusal(scratch / "pack");
    };
    CHECK(refused(good).empty());
    CHECK_THAT(refused(""), contains("attributes.csv is empty"));
    CHECK_THAT(refused("sex\n"), contains("attributes.csv:1: the first column is not 'name'"));
    CHECK_THAT(refused("name,sex,sex\n"), contains("attributes.csv:1: attribute 'sex'"));
    CHECK_THAT(refused("name,\n"), contains("attributes.csv:1: attribute ''"));
    CHECK_THAT(refused(head + "train0,F\n"), contains("rows are missing"));
    CHECK_THAT(refused(head + "train1,F\n"), contains("attributes.csv:2: wanted train0 and 1 values"));
    CHECK_THAT(refused(head + "train0,F,M\n"), contains("attributes.csv:2: wanted train0 and 1 values"));
    CHECK_THAT(refused(good + "more,F,x\n"), contains("more rows than samples"));
}
