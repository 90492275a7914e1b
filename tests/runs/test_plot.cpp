#include "runs/report/plot.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel::report;

namespace {}  // namespace

TEST_CASE("Ticks are round and within the axis", "[plot]") {
    CHECK(ticks(0, 1, 5) == std::vector<double>{0, 0.2, 0.4, 0.2 * 3, 0.8, 1});
    CHECK(ticks(1, 4, 10, true) == std::vector<double>{1, 2, 3, 4});
    CHECK(ticks(1, 2, 10, true) == std::vector<double>{1, 2});
    CHECK(ticks(3, 97, 4) == std::vector<double>{20, 40, 60, 80});
    CHECK(ticks(2, 2, 5).empty());
    CHECK(ticks(0, INFINITY, 5).empty());
    for (const auto& [low, high] :
         {std::pair{-3e-7, 2e9}, {1e-12, 3e-12}, {-5.0, -4.9}, {1e300, 1.0000000000000002e300}}) {
        const auto values = ticks(low, high, 5);
        CHECK(values.size() <= 12);
        for (const double v : values) CHECK((v >= low - (high - low) * 1e-6 && v <= high + (high - low) * 1e-6));
    }
}

TEST_CASE("Plots survive data of any kind", "[plot]") {
    const double nan = std::nan("");
    const auto svg_of = [](Series series, bool logarithmic = false) {
        return to_svg({{.label = "x"}, {.label = "y", .logarithmic = logarithmic}, {std::move(series)}});
    };
    for (const bool logarithmic : {false, true})
        for (const std::vector<double>& y : {std::vector<double>{},
                                             {1},
                                             {0, 0, 0},
                                             {nan, nan, nan},
                                             {1, nan, 3},
                                             {1e-300, 1e300, 1},
                                             {-1, 0, 1},
                                             {INFINITY, 1, 2},
                                             {1e-5, 1e-1, 1e-3}}) {
            std::vector<double> x(y.size());
            for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
            const std::string svg = svg_of({"s", x, y}, logarithmic);
            CHECK(svg.find("nan") == std::string::npos);
            CHECK(svg.find("inf") == std::string::npos);
        }
    const std::string broken = svg_of({"s", {1, 2, 3, 4, 5}, {1, 2, nan, 2, 1}});
    CHECK(keel::test::count_of(broken, "M") == 2);  // the line begins anew behind the gap
    CHECK(keel::test::count_of(broken, "class=\"dot\"") == 4);
    CHECK(keel::test::count_of(svg_of({"<s>", {1}, {1}}), "<s>") == 0);
}
