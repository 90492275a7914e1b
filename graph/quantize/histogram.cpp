#include "graph/quantize/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::string_view kNames[] = {"minmax", "percentile", "mse", "kl"};
constexpr double kLeftOut = 1e-4;  // of the values, by percentile

struct Bounds {
    double low, high;
};

double centre(const Histogram& h, std::size_t bin) {
    return (static_cast<double>(bin) - Histogram::kHalf + 0.5) * h.width();
}

/// Returns the range without `kLeftOut` of the values, half of them at each end; all at the upper end where none is
/// negative.
Bounds percentile(const Histogram& h) {
    const double count = static_cast<double>(h.count()), below = h.low() < 0 ? kLeftOut / 2 * count : 0,
                 above = h.low() < 0 ? kLeftOut / 2 * count : kLeftOut * count;
    Bounds bounds{h.low(), h.high()};
    double seen = 0;
    for (std::size_t i = 0; i < h.bins().size(); ++i) {
        seen += h.bins()[i];
        if (seen > below) {
            bounds.low = std::max<double>(h.low(), (static_cast<double>(i) - Histogram::kHalf) * h.width());
            break;
        }
    }
    seen = 0;
    for (std::size_t i = h.bins().size(); i-- > 0;) {
        seen += h.bins()[i];
        if (seen > above) {
            bounds.high = std::min<double>(h.high(), (static_cast<double>(i) - Histogram::kHalf + 1) * h.width());
            break;
        }
    }
    return bounds;
}

/// Returns the sum of squares that quantized values of the range lose: a uniform error within, the distance to its end
/// beyond.
double squared_error(const Histogram& h, const Bounds& b) {
    const double step = (b.high - b.low) / 255;
    double sum = 0;
    for (std::size_t i = 0; i < h.bins().size(); ++i) {
        if (h.bins()[i] == 0) continue;
        const double x = centre(h, i), beyond = std::max({b.low - x, x - b.high, 0.0});
        sum += h.bins()[i] * (beyond > 0 ? beyond * beyond : step * step / 12);
    }
    return sum;
}

/// Returns the Kullback-Leibler divergence of the histogram, values beyond the range counted at its ends, from what 256
/// quantized values can tell of it.
double divergence(const Histogram& h, const Bounds& b) {
    const auto bin_of = [&](double x) {
        return static_cast<std::size_t>(
            std::clamp(std::floor(x / h.width()) + Histogram::kHalf, 0.0, 2.0 * Histogram::kHalf - 1));
    };
    const std::size_t first = bin_of(b.low), last = bin_of(b.high);
    std::vector<double> inside(h.bins().begin() + static_cast<std::ptrdiff_t>(first),
                               h.bins().begin() + static_cast<std::ptrdiff_t>(last) + 1);
    std::vector<double> reference = inside;
    for (std::size_t i = 0; i < first; ++i) reference.front() += h.bins()[i];
    for (std::size_t i = last + 1; i < h.bins().size(); ++i) reference.back() += h.bins()[i];
    double total = 0, kept = 0, sum = 0;
    for (std::size_t i = 0; i < inside.size(); ++i) {
        total += reference[i];
        kept += inside[i];
    }
    if (kept == 0) return std::numeric_limits<double>::infinity();
    const std::size_t levels = std::min<std::size_t>(256, inside.size());
    for (std::size_t level = 0; level < levels; ++level) {
        const std::size_t begin = level * inside.size() / levels, end = (level + 1) * inside.size() / levels;
        double mass = 0, filled = 0;
        for (std::size_t i = begin; i < end; ++i) {
            mass += inside[i];
            filled += reference[i] > 0 ? 1 : 0;
        }
        for (std::size_t i = begin; i < end; ++i)
            if (reference[i] > 0)
                sum += reference[i] / total * std::log(reference[i] / total / (std::max(mass, 0.5) / filled / kept));
    }
    return sum;
}

/// Returns the range of the least loss among those that are a share of the whole one.
template <class Loss>
Bounds best_share(const Histogram& h, Loss loss) {
    Bounds best{h.low(), h.high()};
    double least = std::numeric_limits<double>::infinity();
    for (int percent = 100; percent >= 20; percent -= 2) {
        const double share = percent / 100.0;
        const Bounds b{h.low() * share, h.high() * share};
        const double value = loss(h, b);
        if (value >= least) continue;
        least = value;
        best = b;
    }
    return best;
}

}  // namespace

std::string_view name(RangeMethod method) { return kNames[static_cast<std::size_t>(method)]; }

std::optional<RangeMethod> range_method_named(std::string_view text) {
    for (const RangeMethod method : kRangeMethods)
        if (name(method) == text) return method;
    return std::nullopt;
}

void Histogram::widen(float low, float high) {
    const double most = std::max(std::abs(double{low}), std::abs(double{high}));
    if (bins_.empty()) {
        bins_.resize(2 * kHalf);
        width_ = std::exp2(std::ceil(std::log2(std::max(most, 1e-30) / kHalf)));
    }
    while (most >= width_ * kHalf) {
        std::vector<std::uint32_t> joined(bins_.size());
        for (std::size_t i = 0; i < bins_.size(); ++i) joined[(i + kHalf) / 2] += bins_[i];
        bins_ = std::move(joined);
        width_ *= 2;
    }
}

void Histogram::add(const float* values, std::int64_t count, std::int64_t step) {
    if (count == 0) return;
    float low = values[0], high = values[0], check = 0;
    for (std::int64_t i = 0; i < count * step; i += step) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
        check += values[i] * 0;  // a NaN or an infinity makes it a NaN
    }
    if (std::isnan(check)) throw InputError("[quantize] an activation is NaN or infinite");
    widen(low, high);
    low_ = count_ == 0 ? low : std::min(low, low_);
    high_ = count_ == 0 ? high : std::max(high, high_);
    count_ += count;
    const double inverse = 1 / width_;
    for (std::int64_t i = 0; i < count * step; i += step)
        ++bins_[static_cast<std::size_t>(values[i] * inverse + kHalf)];
}

QuantParams quant_params(float low, float high) {
    const double from = std::min(low, 0.0F), to = std::max(high, 0.0F), scale = (to - from) / 255;
    if (scale < 1e-30) return {};
    return {static_cast<float>(scale),
            static_cast<std::uint8_t>(std::clamp(std::nearbyint(-from / scale), 0.0, 255.0))};
}

QuantParams quant_params(const Histogram& h, RangeMethod method) {
    if (h.count() == 0 || h.low() == h.high()) return quant_params(h.low(), h.high());
    Bounds bounds{h.low(), h.high()};
    if (method == RangeMethod::percentile) bounds = percentile(h);
    if (method == RangeMethod::mse) bounds = best_share(h, squared_error);
    if (method == RangeMethod::kl) bounds = best_share(h, divergence);
    return quant_params(static_cast<float>(bounds.low), static_cast<float>(bounds.high));
}

}  // namespace keel
