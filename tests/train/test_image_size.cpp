#include "train/image_size.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

TEST_CASE("The size of the input follows small images", "[image_size]") {
    CHECK(default_image_size(0) == 224);
    CHECK(default_image_size(1024) == 224);
    CHECK(default_image_size(224) == 224);
    CHECK(default_image_size(223) == 223);
    CHECK(default_image_size(28) == 28);
    CHECK(default_image_size(3) == 8);
}

TEST_CASE("A size that was chosen is told, and why", "[image_size]") {
    CHECK(chosen_size_text(224, {.largest = 1024, .looked_at = 8}).empty());
    CHECK_THAT(chosen_size_text(28, {.largest = 28, .looked_at = 8}),
               contains("image_size is 28") && contains("of 8 training images") && contains("--image-size 224"));
}

TEST_CASE("A size or a stem that does not suit the images is warned of", "[image_size]") {
    const auto warnings = [](const std::string& model, std::int64_t size, bool small_stem, int side) {
        ModelSpec spec{.name = model, .options = {.classes = 2, .small_stem = small_stem}, .image_size = size};
        return size_warnings(spec, {.largest = side, .looked_at = 8});
    };
    CHECK(warnings("densenet121", 224, false, 1024).empty());
    CHECK(warnings("resnet18", 224, false, 200).empty());
    CHECK(warnings("resnet18", 28, true, 28).empty());
    CHECK(warnings("resnet18", 64, true, 28).empty());
    CHECK(warnings("resnet20", 32, false, 32).empty());
    CHECK(warnings("vgg16", 32, false, 32).empty());
    CHECK(warnings("resnet18", 224, false, 0).empty());  // nobody knows
    const auto enlarged = warnings("resnet18", 224, true, 28);
    REQUIRE(enlarged.size() == 2);
    CHECK_THAT(enlarged[0], contains("enlarges images of 28 pixels, which takes 64 times"));
    CHECK_THAT(enlarged[1], contains("small_stem is for images under 64 pixels"));
    const auto stem = warnings("resnet18", 28, false, 28);
    REQUIRE(stem.size() == 1);
    CHECK_THAT(stem[0], contains("leaves maps of 7 pixels of images of 28: --small-stem"));
}
