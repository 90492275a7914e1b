#include "data/sources/image_finder.h"

#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

namespace {

std::string text_of(const ImageFinder& finder) {
    std::string text;
    for (const Remark& remark : finder.remarks()) text += (remark.warning ? "! " : "") + remark.text + "\n";
    return text;
}

}  // namespace

TEST_CASE("Files are found by the names that tables give them", "[image_finder]") {
    const TemporaryFolder folder;
    for (const char* name : {"one/a.png", "one/sub/b.JPG", "two/a.png", "two/c.png", "two/1.2.840.dcm", "two/d.txt"})
        write_text(folder / name, "");
    ImageFinder finder({folder / "one", folder / "two"});
    CHECK(finder.find("a.png") == folder / "one/a.png");  // the first root wins
    CHECK(finder.find("c.png") == folder / "two/c.png");
    CHECK(finder.find("sub/b.JPG") == folder / "one/sub/b.JPG");
    CHECK(text_of(finder).empty());
    CHECK(finder.find("SUB/B.jpg").empty());  // folders count as they are written
    CHECK(finder.find("sub/b.jpg") == folder / "one/sub/b.JPG");
    CHECK(finder.find("sub\\b") == folder / "one/sub/b.JPG");
    CHECK(finder.find("1.2.840") == folder / "two/1.2.840.dcm");
    CHECK(finder.find("1.2.840.png") == folder / "two/1.2.840.dcm");
    CHECK(finder.find("/their/disk/two/c.png") == folder / "two/c.png");
    CHECK(finder.find("./c.png") == folder / "two/c.png");
    CHECK(finder.find(folder / "two/a.png") == folder / "two/a.png");
    for (const char* absent : {"", "e.png", "d", "one", "two/", "sub", "..", "a.png/a.png/x"})
        CHECK(finder.find(absent).empty());
    const std::string text = text_of(finder);
    CHECK_THAT(text, contains("1 names of the table are found in another case: sub/b.jpg is "));
    CHECK_THAT(text, contains("3 names of the table are found by what stands before the ending"));
    CHECK_THAT(text, contains("1 names of the table are found without their first folders: /their/disk/two/c.png is "));
    CHECK_THAT(text, contains("! 3 images are those of several rows"));
    CHECK(ImageFinder({folder / "none"}).find("a.png").empty());
}

TEST_CASE("Images that no name asks for are told, those behind others are not", "[image_finder]") {
    const TemporaryFolder folder;
    for (const char* name : {"one/a.png", "two/a.png", "two/b.png", "two/c.jpg", "two/d.txt"})
        write_text(folder / name, "");
    ImageFinder finder({folder / "one", folder / "two"});
    finder.find("a.png");
    finder.find("c");
    CHECK(finder.unused() == std::vector<std::string>{"b.png"});
}
