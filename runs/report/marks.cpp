#include "runs/report/marks.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "runs/report/page.h"

namespace keel::report {
namespace {

/// Text shortened to what fits beside a matrix; the whole of it is the cell's title.
std::string shortened(const std::string& text) {
    constexpr std::size_t kMost = 16;
    if (text.size() <= kMost) return text;
    std::size_t end = kMost - 1;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // not within a character
    return text.substr(0, end) + "…";
}

}  // namespace

std::string interval(double value, double from, double to, double low, double high, double middle, int color) {
    constexpr double kWidth = 180, kHeight = 18, kMargin = 5;
    if (std::isnan(value)) return "";
    const auto at = [&](double v) {
        return kMargin + (kWidth - 2 * kMargin) * std::clamp((v - low) / (high - low), 0.0, 1.0);
    };
    std::string svg =
        fmt::format("<svg width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"{2}\">",
                    kWidth, kHeight, escape(fmt::format("{} from {} to {}", number(value), number(from), number(to))));
    svg += fmt::format("<line class=\"grid-line\" x1=\"{}\" x2=\"{}\" y1=\"9\" y2=\"9\"/>", at(low), at(high));
    svg += fmt::format("<line class=\"guide\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"1\" y2=\"17\"/>", at(middle));
    if (!std::isnan(from) && !std::isnan(to))
        svg += fmt::format("<path class=\"line c{}\" d=\"M{:.1f} 9H{:.1f}\"/>", color % 8, at(from), at(to));
    return svg + fmt::format("<circle class=\"dot c{}\" cx=\"{:.1f}\" cy=\"9\" r=\"4\"/></svg>", color % 8, at(value));
}

std::string confusion(const std::vector<std::int64_t>& counts, const std::vector<std::string>& labels) {
    const std::size_t n = labels.size();
    const bool numbers = n <= 16;
    const double side = std::clamp(560.0 / static_cast<double>(std::max<std::size_t>(n, 1)), 12.0, 56.0);
    constexpr double kLeft = 128, kBottom = 120, kTop = 6;
    const double extent = side * static_cast<double>(n);
    const double width = kLeft + extent + 8, height = kTop + extent + kBottom;
    std::string svg = fmt::format(
        "<svg class=\"matrix\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\" "
        "aria-label=\"confusion matrix\">\n",
        width, height);
    for (std::size_t row = 0; row < n; ++row) {
        const auto* const begin = counts.data() + row * n;
        const auto total = std::accumulate(begin, begin + n, std::int64_t{0});
        const double y = kTop + side * static_cast<double>(row);
        for (std::size_t column = 0; column < n; ++column) {
            const double x = kLeft + side * static_cast<double>(column);
            const double share = total > 0 ? static_cast<double>(begin[column]) / static_cast<double>(total) : 0;
            svg += fmt::format(
                "<g><rect class=\"c0\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
                "fill=\"currentColor\" "
                "fill-opacity=\"{:.3f}\" stroke=\"var(--grid)\"/>",
                x, y, side, side, share);
            if (numbers && begin[column] > 0)
                svg += fmt::format("<text class=\"cell-text{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
                                   share > 0.55 ? " on" : "", x + side / 2, y + side / 2 + 4, begin[column]);
            svg += fmt::format("<title>{} as {}: {} of {}</title></g>\n", escape(labels[row]), escape(labels[column]),
                               begin[column], total);
        }
        svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kLeft - 6,
                           y + side / 2 + 4, escape(shortened(labels[row])));
        const double x = kLeft + side * (static_cast<double>(row) + 0.5), below = kTop + extent + 10;
        svg += fmt::format(
            "<text x=\"{0:.1f}\" y=\"{1:.1f}\" text-anchor=\"end\" transform=\"rotate(-50 {0:.1f} "
            "{1:.1f})\">{2}</text>\n",
            x + 4, below, escape(shortened(labels[row])));
    }
    return svg + "</svg>\n";
}

}  // namespace keel::report
