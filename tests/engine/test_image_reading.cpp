#include "engine/image_reading.h"

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("A reading comes back from its JSON", "[image_reading]") {
    ImageReading reading;
    CHECK(reading_from_json(reading_to_json(reading)) == reading);
    reading.rescale = {-1000.5F, 400};
    reading.keep_16_bits = false;
    reading.page = 3;
    reading.window = {40.25F, 400};
    reading.exif_rotation = false;
    CHECK(reading_from_json(reading_to_json(reading)) == reading);
    CHECK(reading_from_json(reading_to_json(old_reading())) == old_reading());
    CHECK(reading_from_json("{}") == ImageReading{});
    CHECK(reading_from_json(R"({"of a later program": 1})") == ImageReading{});
}

TEST_CASE("A reading that is malformed or out of range is refused", "[image_reading]") {
    for (const char* text :
         {"", "[]", "7", "{", R"({"bit_depth": 17})", R"({"bit_depth": 1.5})", R"({"bit_depth": "12"})",
          R"({"rescale": [1]})", R"({"rescale": [2, 1]})", R"({"rescale": [0, 1e99]})", R"({"rescale": 5})",
          R"({"page": -1})", R"({"window": [40, 0.5]})", R"({"exif_rotation": 1})",
          R"({"bit_depth": 12, "rescale": [0, 1]})"}) {
        INFO(text);
        CHECK_THROWS_AS(reading_from_json(text), InputError);
    }
}

TEST_CASE("Differences of readings are named", "[image_reading]") {
    ImageReading twelve;
    twelve.bit_depth = 12;
    CHECK(reading_differences(twelve, {}) == "bit_depth 12 and not 0");
    CHECK(reading_differences(old_reading(), {}) ==
          "keep_16_bits false and not true, exif_rotation false and not true");
    CHECK(reading_differences(twelve, twelve).empty());
}
