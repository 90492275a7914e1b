#include "data/formats/new_folder.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

namespace fs = std::filesystem;

constexpr FolderKind kKind{"who", "set of things", "MARKER"};

/// What refuses the folder, empty where nothing does.
std::string refusal(const std::string& directory, bool force) {
    try {
        const NewFolder folder(directory, kKind, force);
    } catch (const UsageError& error) {
        return error.what();
    }
    return "";
}

void make(const std::string& directory, const std::string& text, bool force) {
    NewFolder folder(directory, kKind, force);
    write_text(folder.path() / "MARKER", text);
    folder.commit();
}

}  // namespace

TEST_CASE("A new folder has its name once it is complete", "[new_folder]") {
    const TemporaryFolder scratch;
    const std::string target = scratch / "deep/er/set";
    {
        NewFolder folder(target + "/", kKind, false);
        CHECK(folder.path() == target + ".partial");
        write_text(folder.path() / "sub/file", "text");
        CHECK_FALSE(fs::exists(target));
        folder.commit();
    }
    CHECK(read_text(target + "/sub/file") == "text");
    CHECK_FALSE(fs::exists(target + ".partial"));
}

TEST_CASE("A folder without a commit leaves nothing, what a killed process left is removed", "[new_folder]") {
    const TemporaryFolder scratch;
    write_text(scratch / "set.partial/left", "over");
    {
        const NewFolder folder(scratch / "set", kKind, false);
        CHECK(fs::is_empty(folder.path()));
        write_text(folder.path() / "file", "text");
    }
    CHECK_FALSE(fs::exists(scratch / "set"));
    CHECK_FALSE(fs::exists(scratch / "set.partial"));
}

TEST_CASE("Only an empty folder is replaced, and by force one of the same kind", "[new_folder]") {
    const TemporaryFolder scratch;
    CHECK_THAT(refusal("", true), contains("[who] the directory has no name"));
    write_text(scratch / "file", "text");
    CHECK_THAT(refusal(scratch / "file", true), contains("is not a folder"));
    fs::create_directory(scratch / "empty");
    CHECK(refusal(scratch / "empty", false).empty());
    write_text(scratch / "mine/precious", "text");
    CHECK_THAT(refusal(scratch / "mine", false), contains("is not empty; --force replaces a set of things"));
    CHECK_THAT(refusal(scratch / "mine", true), contains("has no MARKER: only a set of things is replaced"));
    CHECK(read_text(scratch / "mine/precious") == "text");

    make(scratch / "set", "first", false);
    CHECK_THAT(refusal(scratch / "set", false), contains("is not empty"));
    make(scratch / "set", "second", true);
    CHECK(read_text(scratch / "set/MARKER") == "second");
    CHECK_FALSE(fs::exists(scratch / "set.replaced"));
    { const NewFolder abandoned(scratch / "set", kKind, true); }
    CHECK(read_text(scratch / "set/MARKER") == "second");
}

TEST_CASE("Where the system refuses, the folder that was to be replaced is back", "[new_folder]") {
    const TemporaryFolder scratch;
    make(scratch / "set", "first", false);
    NewFolder folder(scratch / "set", kKind, true);
    fs::remove_all(folder.path());  // nothing to rename
    CHECK_THROWS_AS(folder.commit(), IoError);
    CHECK(read_text(scratch / "set/MARKER") == "first");
    CHECK_THROWS_AS(NewFolder("/dev/null/set", kKind, false), IoError);
}
