#include "data/sources/image_tree.h"

#include <filesystem>

#include "kernels/error.h"
#include "tests/data/files.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;
namespace fs = std::filesystem;
using Names = std::vector<std::string>;

TEST_CASE("Images are found in folders within a folder, by name and by what they begin with", "[image_tree]") {
    const TemporaryFolder scratch;
    const Bytes png = encode_png(noise_image(4, 4, 1, 1));
    for (const char* name : {"b.PNG", "a.jpeg", "deep/er/c.png", "IM000001", "1.2.840.10008"})
        write_bytes(scratch / name, png);
    for (const char* name : {"notes.txt", "LICENSE", "no_image", "old.png.bak", "archive.zip"})
        write_text(scratch / name, "nothing");
    const ImageTree tree = find_images(scratch.path());
    CHECK(tree.images == Names{"1.2.840.10008", "IM000001", "a.jpeg", "b.PNG", "deep/er/c.png"});
    CHECK(tree.nested == 1);
    CHECK(tree.texts == Names{"LICENSE", "notes.txt"});
    CHECK(tree.others == Names{"archive.zip", "no_image", "old.png.bak"});
    CHECK(find_own_images(scratch.path()).images == Names{"1.2.840.10008", "IM000001", "a.jpeg", "b.PNG"});
    CHECK(endings_text({"a.TIF", "b/c.tif", "d.webp", "x.d/e"}) == "2 .tif, 1 without ending, 1 .webp");
    CHECK_THROWS_AS(find_images(scratch / "none"), IoError);
}

TEST_CASE("What systems leave in folders is hidden, and runs are not entered", "[image_tree]") {
    const TemporaryFolder scratch;
    const Bytes png = encode_png(noise_image(4, 4, 1, 1));
    for (const char* name : {"a.png", "._a.png", ".ipynb_checkpoints/a.png", "__MACOSX/a.png", "run/maps/a.png"})
        write_bytes(scratch / name, png);
    write_text(scratch / "Thumbs.db", "");
    write_text(scratch / "run/config.toml", "");
    fs::create_directories(scratch / "run/checkpoints");
    const ImageTree tree = find_images(scratch.path());
    CHECK(tree.images == Names{"a.png"});
    CHECK(tree.hidden == Names{"._a.png", ".ipynb_checkpoints", "Thumbs.db", "__MACOSX"});
    CHECK(tree.runs == Names{"run"});
    CHECK((tree.others.empty() && tree.texts.empty()));
    CHECK(is_hidden_name("THUMBS.DB"));
    CHECK_FALSE(is_hidden_name("thumbs"));
}

TEST_CASE("Links are followed, each folder once, and links to nothing are told", "[image_tree]") {
    const TemporaryFolder scratch;
    write_bytes(scratch / "there/a.png", encode_png(noise_image(4, 4, 1, 1)));
    fs::create_directories(scratch / "set");
    fs::create_directory_symlink(scratch / "there", scratch / "set/here");
    fs::create_directory_symlink(scratch / "there", scratch / "set/here_too");
    fs::create_directory_symlink(scratch / "set", scratch / "there/loop");
    fs::create_symlink("nowhere.png", scratch / "set/broken.png");
    fs::create_symlink("self", scratch / "set/self");
    fs::create_symlink(scratch / "there/a.png", scratch / "set/link.png");
    const ImageTree tree = find_images(scratch / "set");
    CHECK(tree.images == Names{"broken.png", "here/a.png", "link.png"});
    CHECK(tree.dangling == Names{"broken.png"});
    CHECK(tree.again == Names{"here/loop", "here_too"});
    CHECK(tree.others == Names{"self"});
}

TEST_CASE("Remarks name what is ignored; what may have held an image is a warning", "[image_tree]") {
    ImageTree found, tree;
    found.images = {"x.png"};
    found.others = {"a.tif", "b.tif"};
    found.texts = {"c.txt"};
    found.hidden = {".d"};
    found.nested = 3;
    tree.add(found, "CLASS");
    const std::vector<Remark> remarks = remarks_on(tree);
    REQUIRE(remarks.size() == 4);
    CHECK(remarks[0].warning);
    CHECK(remarks[0].text ==
          "2 files are ignored, for they are not images of a format that this program reads (2 .tif): "
          "CLASS/a.tif, CLASS/b.tif");
    for (std::size_t i = 1; i < 4; ++i) CHECK_FALSE(remarks[i].warning);
    CHECK_THAT(remarks[1].text, contains("3 images lie in folders within their class's"));
    CHECK(remarks_on({}).empty());
}
