// NIH's table of boxes, and the phantom's.
#include "data/sources/boxes.h"

#include "data/phantom/phantom.h"
#include "data/sources/sources.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::test;

TEST_CASE("NIH's table of boxes is read as it is published", "[boxes]") {
    const TemporaryFolder folder;
    write_text(
        folder / "boxes.csv",
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\r\n"
        "00013118_008.png,Atelectasis,225.084745762712,547.019216763771,86.7796610169491,79.1864406779661,,,\r\n"
        "00014716_007.png,Infiltrate,686.101694915254,131.543498023429,185.491525423729,313.491525423729,,,\r\n\r\n");
    const auto boxes = read_boxes(folder / "boxes.csv");
    REQUIRE(boxes.size() == 2);
    CHECK(boxes[0].image == "00013118_008.png");
    CHECK(boxes[0].box.x == 225.084745762712);
    CHECK(boxes[0].box.height == 79.1864406779661);
    CHECK(boxes[1].label == "Infiltration");
    write_text(folder / "again.csv", boxes_csv(boxes));
    const auto again = read_boxes(folder / "again.csv");
    REQUIRE(again.size() == 2);
    CHECK(again[1].label == "Infiltration");
    CHECK(again[1].box.width == boxes[1].box.width);
}

TEST_CASE("Tables of boxes that are none are refused by line", "[boxes]") {
    const TemporaryFolder folder;
    const std::string head = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n";
    const auto message = [&](const std::string& text) -> std::string {
        write_text(folder / "b.csv", text);
        try {
            read_boxes(folder / "b.csv");
        } catch (const InputError& error) {
            return error.what();
        }
        return "";
    };
    CHECK_THAT(message(""), contains("is empty"));
    CHECK_THAT(message("Image Index,Finding Label\n"), contains("b.csv:1: no column 'Bbox'"));
    CHECK_THAT(message(head + "a.png,Mass,1,2,3\n"), contains("b.csv:2: 5 fields, at least 6"));
    CHECK_THAT(message(head + "a.png,Mass,1,2,3,nan\n"), contains("wanted a number, got 'nan'"));
    CHECK_THAT(message(head + "a.png,Mass,1,2,3,4x\n"), contains("wanted a number, got '4x'"));
    CHECK_THAT(message(head + "a.png,Mass,1,2,0,4\n"), contains("sides above 0"));
    CHECK_THAT(message(head + "a.png,Mass,-1,2,3,4\n"), contains("a corner from 0 on"));
    CHECK(message(head).empty());
}

TEST_CASE("A phantom's boxes hold its signs", "[boxes][phantom]") {
    constexpr std::uint64_t kMass = 1U << 4, kCardiomegaly = 1U << 1, kHernia = 1U << 13;
    for (std::int64_t patient = 1; patient <= 4; ++patient) {
        CAPTURE(patient);
        const PhantomImage image{"p.png", patient, 0, kMass | kCardiomegaly | kHernia, true};
        const auto boxes = phantom_boxes(image, 128, 1);
        REQUIRE(boxes.size() == 2);  // NIH has none for hernias
        CHECK(boxes[0].label == "Cardiomegaly");
        CHECK(boxes[1].label == "Mass");
        // A mass is 0.048 to 0.075 of the side in radius, its soft edge reaches 15 % further, a pose scales by 0.93
        // to 1.05.
        CHECK(boxes[1].box.width >= 128 * 2 * 0.048 * 0.75 * 0.93);
        CHECK(boxes[1].box.width <= 128 * 2 * 0.075 * 1.10 * 1.15 * 1.05 + 2);
        for (const LabelledBox& b : boxes) {
            CHECK(b.box.x >= 0);
            CHECK(b.box.x + b.box.width <= 128);
            CHECK(b.box.y + b.box.height <= 128);
        }
    }
    CHECK(phantom_boxes({"p.png", 1, 0, 0, true}, 64, 1).empty());
}
