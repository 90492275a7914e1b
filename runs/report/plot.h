// Line plots as SVG, apart from what they show.
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace keel::report {

/// NaN interrupts the line.
struct Series {
    std::string name{};  ///< shown where the pointer rests on a point
    std::vector<double> x{}, y{};
    int color = 0;       ///< from 0; repeats after 8
    bool faint = false;  ///< in the background
};

/// NaN for an end: as the data ask.
struct Axis {
    std::string label{};
    double low = std::numeric_limits<double>::quiet_NaN(), high = std::numeric_limits<double>::quiet_NaN();
    bool whole = false;        ///< ticks at whole numbers only
    bool logarithmic = false;  ///< falls back to linear where a value is not above 0
};

struct Plot {
    Axis x, y;
    std::vector<Series> series{};
    int width = 480, height = 250;  ///< units of the drawing, which scales to the room there is
    bool points = true;             ///< marks points as well; never where there are more than 100 in a series
    bool diagonal = false;          ///< from corner to corner, what chance does to a ROC curve
    double level = std::numeric_limits<double>::quiet_NaN();  ///< a horizontal guide
};

/// Round values (1, 2 or 5 times a power of ten apart, whole where asked) within [low, high], about `count` of them.
std::vector<double> ticks(double low, double high, int count, bool whole = false);

std::string to_svg(const Plot& plot);

}  // namespace keel::report
