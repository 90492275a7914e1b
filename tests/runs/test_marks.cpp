#include "runs/report/marks.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel::report;
using keel::test::contains;

TEST_CASE("An interval is drawn to scale, cut off at the stretch's ends", "[marks]") {
    // 180 units with 5 of margin on either side: 0.75 of [0.5, 1] is half of 170 from 5 on.
    const std::string svg = interval(0.75, 0.6, 1.5, 0.5, 1, 0.5, 9);
    CHECK_THAT(svg, contains("<circle class=\"dot c1\" cx=\"90.0\"") && contains("d=\"M39.0 9H175.0\"") &&
                        contains("<line class=\"guide\" x1=\"5.0\"") && contains("0.7500 from 0.6000 to 1.5000"));
    CHECK(interval(std::nan(""), 0, 1, 0, 1, 0.5).empty());
    const std::string point = interval(0.5, std::nan(""), std::nan(""), 0, 1, 0.5);
    CHECK_THAT(point, contains("<circle") && contains("0.5000 from – to –"));
    CHECK(point.find("<path") == std::string::npos);
}

TEST_CASE("A confusion matrix shades shares of the rows and writes counts", "[marks]") {
    const std::string svg = confusion({3, 1, 0, 0}, {"cat", "a label that is too long <b>"});
    CHECK_THAT(svg, contains("fill-opacity=\"0.750\"") && contains("fill-opacity=\"0.250\"") &&
                        contains("<title>cat as cat: 3 of 4</title>") &&
                        contains("<title>cat as a label that is too long &lt;b&gt;: 1 of 4</title>") &&
                        contains(">a label that is…</text>"));
    CHECK_THAT(svg, contains("class=\"cell-text on\"") && contains(">3</text>"));
    CHECK(svg.find("nan") == std::string::npos);  // the second row is empty
    const std::vector<std::string> many(17, "x");
    CHECK(confusion(std::vector<std::int64_t>(17 * 17, 1), many).find("cell-text") == std::string::npos);
    CHECK_THAT(confusion({}, {}), contains("<svg") && contains("</svg>"));
}
