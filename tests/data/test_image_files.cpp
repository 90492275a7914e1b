#include "data/sources/image_files.h"

#include <filesystem>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;
using keel::test::TemporaryFolder;
using keel::test::write_text;

TEST_CASE("Files stay as they are, folders become what may be an image in them and below", "[image_files]") {
    const TemporaryFolder folder;
    std::filesystem::create_directories(folder / "in/below");
    for (const char* name : {"in/b.PNG", "in/below/a.jpg", "in/odd.bin", "in/notes.txt", "in/.hidden.png"})
        write_text(folder / name, "x");
    std::vector<Remark> remarks;
    const std::vector<std::string> files = image_files({"first.png", folder / "in", "no such file"}, remarks);
    CHECK(files == std::vector<std::string>{"first.png", folder / "in/b.PNG", folder / "in/below/a.jpg",
                                            folder / "in/odd.bin", "no such file"});
    REQUIRE(remarks.size() >= 2);
    CHECK_THAT(remarks[0].text, contains("3 files, 1 of the images in folders within it"));
    std::string all;
    for (const Remark& remark : remarks) all += remark.text + "\n";
    CHECK_THAT(all, contains("notes.txt") && contains(".hidden.png"));
}

TEST_CASE("A folder without anything that may be an image is refused", "[image_files]") {
    const TemporaryFolder folder;
    write_text(folder / "notes.txt", "x");
    std::vector<Remark> remarks;
    CHECK_THROWS_AS(image_files({folder.path()}, remarks), InputError);
}
