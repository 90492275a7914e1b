#include "data/sources/split_folders.h"

#include <filesystem>

#include "tests/data/files.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("Folders of splits are recognized in any case and usual spelling", "[split_folders]") {
    for (const char* name : {"train", "Train", "TRAINING", "training_set", "Train-Data", "trainset"})
        CHECK(split_of_folder(name) == Split::train);
    for (const char* name : {"val", "Val", "valid", "VALIDATION", "validation set", "dev"})
        CHECK(split_of_folder(name) == Split::val);
    for (const char* name : {"test", "Testing", "TEST", "test_images"}) CHECK(split_of_folder(name) == Split::test);
    for (const char* name : {"trains", "evaluation", "NORMAL", "set", "", "contest", "testicle", "data"})
        CHECK_FALSE(split_of_folder(name).has_value());
}

TEST_CASE("A folder is divided where one for training has folders, or there are splits alone", "[split_folders]") {
    const auto divided = [](const std::vector<std::string>& folders) {
        const TemporaryFolder scratch;
        for (const std::string& folder : folders) std::filesystem::create_directories(scratch / folder);
        return find_split_folders(scratch.path()).divided;
    };
    CHECK(divided({"train/A", "val/A", "extra"}));
    CHECK(divided({"Train/A"}));
    CHECK(divided({"test/A"}));  // a set to score on
    CHECK_FALSE(divided({"A", "B"}));
    CHECK_FALSE(divided({"bus", "car", "train"}));
    CHECK_FALSE(divided({"A", "test/A"}));
    const TemporaryFolder scratch;
    for (const char* name : {"Val", "valid", "val", ".git", "other"})
        std::filesystem::create_directories(scratch / name);
    const SplitFolders found = find_split_folders(scratch.path());
    CHECK(found.of(Split::val) == std::vector<std::string>{"val", "valid", "Val"});
    CHECK(found.others == std::vector<std::string>{"other"});
}
