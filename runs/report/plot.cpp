#include "runs/report/plot.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <string_view>

#include "runs/report/page.h"

namespace keel::report {
namespace {

constexpr std::size_t kMostPoints = 100;
constexpr int kRows = 5;  // marks of a vertical axis, about

/// A data axis on its stretch of the drawing.
class Scale {
public:
    Scale(const Axis& axis, const std::vector<double>& values, double from, double to) : from_(from), to_(to) {
        const auto [least, most] = std::ranges::minmax(values);
        logarithmic_ = axis.logarithmic && !values.empty() && least > 0;
        low_ = std::isnan(axis.low) ? least : axis.low;
        high_ = std::isnan(axis.high) ? most : axis.high;
        if (!(high_ > low_)) {  // one value only: it lies in the middle
            const double margin = axis.whole ? 1 : std::max(std::abs(low_) * 0.1, 1e-9);
            low_ -= logarithmic_ ? 0.5 * low_ : margin;
            high_ += margin;
        } else if (!logarithmic_) {
            const double margin = axis.whole ? 0 : 0.04 * (high_ - low_);
            if (std::isnan(axis.low)) low_ = low_ >= 0 ? std::max(0.0, low_ - margin) : low_ - margin;
            if (std::isnan(axis.high)) high_ += margin;
        }
    }
    double at(double value) const {
        return from_ + (to_ - from_) * (mapped(value) - mapped(low_)) / (mapped(high_) - mapped(low_));
    }
    std::vector<double> marks(int count, bool whole) const {
        if (!logarithmic_ || high_ / low_ < 100) return ticks(low_, high_, count, whole);
        std::vector<double> decades;
        for (double e = std::ceil(std::log10(low_) - 1e-9); e <= std::log10(high_) + 1e-9; ++e)
            decades.push_back(std::pow(10, e));
        return decades;
    }

private:
    double mapped(double value) const { return logarithmic_ ? std::log10(value) : value; }
    double from_, to_, low_ = 0, high_ = 1;
    bool logarithmic_ = false;
};

/// Numbers whose differences are numbers, too.
bool drawable(double value) { return std::abs(value) < 1e300; }

std::vector<double> drawable_values(const Plot& plot, std::vector<double> Series::*member) {
    std::vector<double> values;
    for (const Series& series : plot.series)
        for (const double v : series.*member)
            if (drawable(v)) values.push_back(v);
    if (values.empty()) values = {0, 1};
    return values;
}

std::string tick_text(double value) { return fmt::format("{:.6g}", std::abs(value) < 1e-12 ? 0.0 : value); }

/// What is drawn within the axes; a plot's room is planned once.
struct Frame {
    double left, right, top, bottom;
    Scale x, y;
};

Frame frame_of(const Plot& plot) {
    const double right = plot.width - 14.0, top = 10, bottom = plot.height - 38.0;
    std::vector<double> y = drawable_values(plot, &Series::y);
    if (drawable(plot.level)) y.push_back(plot.level);
    const Scale vertical(plot.y, y, bottom, top);
    std::size_t letters = 1;
    for (const double v : vertical.marks(kRows, plot.y.whole)) letters = std::max(letters, tick_text(v).size());
    const double left = 26 + 6.5 * static_cast<double>(letters);  // the axis's name, then its numbers
    return {left, right, top, bottom, Scale(plot.x, drawable_values(plot, &Series::x), left, right), vertical};
}

std::string axes(const Plot& plot, const Frame& f) {
    std::string svg;
    for (const double v : f.y.marks(kRows, plot.y.whole)) {
        const double y = f.y.at(v);
        svg += fmt::format("<line class=\"grid-line\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>",
                           f.left, y, f.right, y);
        svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", f.left - 6, y + 4,
                           tick_text(v));
    }
    const int room = static_cast<int>((f.right - f.left) / 55);
    for (const double v : f.x.marks(std::max(2, room), plot.x.whole)) {
        const double x = f.x.at(v);
        svg += fmt::format("<line class=\"axis\" x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>", x,
                           f.bottom, f.bottom + 4);
        svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x, f.bottom + 16,
                           tick_text(v));
    }
    svg += fmt::format("<line class=\"axis\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", f.left,
                       f.bottom, f.right, f.bottom);
    const double middle = (f.top + f.bottom) / 2;
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", (f.left + f.right) / 2,
                       f.bottom + 32, escape(plot.x.label));
    svg += fmt::format(
        "<text x=\"10\" y=\"{0:.1f}\" text-anchor=\"middle\" transform=\"rotate(-90 10 {0:.1f})\">{1}</text>\n", middle,
        escape(plot.y.label));
    return svg;
}

std::string guides(const Plot& plot, const Frame& f) {
    std::string svg;
    const auto guide = [&](double x1, double y1, double x2, double y2) {
        svg += fmt::format("<line class=\"guide\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", x1, y1,
                           x2, y2);
    };
    if (plot.diagonal) guide(f.left, f.bottom, f.right, f.top);
    if (drawable(plot.level)) guide(f.left, f.y.at(plot.level), f.right, f.y.at(plot.level));
    return svg;
}

/// A path of the points that can be told apart, in tenths of a unit.
std::string line(const Series& series, const Frame& f) {
    std::string path;
    std::string last;
    bool open = false;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
        if (!drawable(series.x[i]) || !drawable(series.y[i])) {
            open = false;
            continue;
        }
        std::string at = fmt::format("{:.1f} {:.1f}", f.x.at(series.x[i]), f.y.at(series.y[i]));
        if (open && at == last) continue;
        path += (open ? "L" : "M") + at;
        last = std::move(at);
        open = true;
    }
    return fmt::format("<path class=\"line{} c{}\" d=\"{}\"><title>{}</title></path>\n", series.faint ? " faint" : "",
                       series.color % 8, path, escape(series.name));
}

/// A dot, and around it a larger area that shows the values where the pointer rests on it.
std::string dots(const Series& series, const Plot& plot, const Frame& f) {
    std::string svg;
    for (std::size_t i = 0; i < series.x.size(); ++i) {
        if (!drawable(series.x[i]) || !drawable(series.y[i])) continue;
        const double x = f.x.at(series.x[i]), y = f.y.at(series.y[i]);
        svg += fmt::format("<g class=\"c{}\"><circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.6\"/>",
                           series.color % 8, x, y);
        svg += fmt::format(
            "<circle class=\"hover\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"9\"><title>{}: {:.6g} ({} "
            "{:.6g})</title></circle></g>\n",
            x, y, escape(series.name), series.y[i], escape(plot.x.label), series.x[i]);
    }
    return svg;
}

}  // namespace

std::vector<double> ticks(double low, double high, int count, bool whole) {
    std::vector<double> values;
    if (!(high > low) || count < 1 || !std::isfinite(low) || !std::isfinite(high)) return values;
    const double rough = (high - low) / count, power = std::pow(10.0, std::floor(std::log10(rough)));
    const double ratio = rough / power;
    double step = (ratio < 1.5 ? 1 : ratio < 3 ? 2 : ratio < 7 ? 5 : 10) * power;
    if (whole) step = std::max(1.0, std::round(step));
    // Counted: where the axis is far from 0 for its length, adding 1 to the first may not change it.
    const double first = std::ceil(low / step - 1e-9);
    for (int i = 0; i <= 2 * count && (first + i) * step <= high + 1e-9 * step; ++i)
        values.push_back((first + i) * step);
    return values;
}

std::string to_svg(const Plot& plot) {
    const Frame f = frame_of(plot);
    std::string svg = fmt::format("<svg class=\"plot\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n",
                                  plot.width, plot.height, escape(plot.y.label + " against " + plot.x.label));
    svg += axes(plot, f) + guides(plot, f);
    for (const bool faint : {true, false})
        for (const Series& series : plot.series)
            if (series.faint == faint) svg += line(series, f);
    for (const Series& series : plot.series)
        if (plot.points && !series.faint && series.x.size() <= kMostPoints) svg += dots(series, plot, f);
    return svg + "</svg>\n";
}

}  // namespace keel::report
