#include "tune/parzen.h"

#include <algorithm>
#include <cmath>

namespace keel::tune {
namespace {

constexpr int kTries = 100;                        // of a draw that must lie within the range
constexpr double kNormalTop = 0.3989422804014327;  // 1 / sqrt(2 pi)

/// The share of a normal distribution below z.
double normal_below(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

struct Ends {
    double low, high;
};

/// The range on the axis that densities live on; a whole number stands for what rounds to it.
Ends axis_of(const Parameter& p) {
    const double margin = p.whole ? 0.5 : 0;
    const Ends ends{p.low - margin, p.high + margin};
    return p.logarithmic ? Ends{std::log(ends.low), std::log(ends.high)} : ends;
}

double from_axis(const Parameter& p, double x) {
    const double value = p.logarithmic ? std::exp(x) : x;
    // Five digits, as people give values.
    const double digits = std::pow(10, 4 - std::floor(std::log10(std::max(std::abs(value), 1e-300))));
    return std::clamp(p.whole ? std::round(value) : std::round(value * digits) / digits, p.low, p.high);
}

}  // namespace

double uniform53(Random& random) {
    const auto high = static_cast<double>(random.bits() >> 5), low = static_cast<double>(random.bits() >> 6);
    return (high * 0x1p26 + low) * 0x1p-53;
}

double draw_evenly(const Parameter& parameter, Random& random) {
    if (parameter.is_choice()) return random.below(static_cast<std::uint32_t>(parameter.choices.size()));
    const Ends ends = axis_of(parameter);
    return from_axis(parameter, ends.low + (ends.high - ends.low) * uniform53(random));
}

Parzen::Parzen(const Parameter& parameter, std::span<const double> values) : parameter_(parameter) {
    if (parameter.is_choice()) {
        weights_.assign(parameter.choices.size(), 1);
        for (const double value : values) ++weights_[static_cast<std::size_t>(value)];
        const double sum = static_cast<double>(values.size() + weights_.size());
        for (double& weight : weights_) weight /= sum;
        return;
    }
    const Ends ends = axis_of(parameter);
    low_ = ends.low;
    high_ = ends.high;
    const double width = high_ - low_;
    std::vector<double> means{0.5 * (low_ + high_)};  // the prior's
    for (const double value : values) means.push_back(on_axis(value));
    std::ranges::sort(means);
    const double least = width / std::min(100.0, 1.0 + static_cast<double>(means.size()));
    bool prior = true;
    for (std::size_t i = 0; i < means.size(); ++i) {
        // As wide as the farther neighbour is away; the ends of the range are none.
        const double left = i == 0 ? 0 : means[i] - means[i - 1];
        const double right = i + 1 == means.size() ? 0 : means[i + 1] - means[i];
        double deviation = std::clamp(std::max(left, right), least, width);
        if (prior && means[i] == 0.5 * (low_ + high_)) {
            deviation = width;
            prior = false;
        }
        const double mass = normal_below((high_ - means[i]) / deviation) - normal_below((low_ - means[i]) / deviation);
        normals_.push_back({means[i], deviation, mass});
    }
}

double Parzen::on_axis(double value) const { return parameter_.logarithmic ? std::log(value) : value; }

double Parzen::draw(Random& random) const {
    if (parameter_.is_choice()) {
        double left = uniform53(random);
        for (std::size_t i = 0; i < weights_.size(); ++i)
            if (left -= weights_[i]; left < 0) return static_cast<double>(i);
        return static_cast<double>(weights_.size() - 1);
    }
    const Normal& normal = normals_[random.below(static_cast<std::uint32_t>(normals_.size()))];
    double x = normal.mean;
    for (int tries = 0; tries < kTries; ++tries) {
        const double drawn = normal.mean + normal.deviation * double{random.normal()};
        if (drawn < low_ || drawn > high_) continue;
        x = drawn;
        break;
    }
    return from_axis(parameter_, x);
}

double Parzen::log_density(double value) const {
    if (parameter_.is_choice()) return std::log(weights_[static_cast<std::size_t>(value)]);
    double sum = 0;
    for (const Normal& normal : normals_) {
        const auto z = [&](double x) { return (x - normal.mean) / normal.deviation; };
        if (parameter_.whole) {
            sum += (normal_below(z(on_axis(value + 0.5))) - normal_below(z(on_axis(value - 0.5)))) / normal.mass;
        } else {
            const double at = z(on_axis(value));
            sum += kNormalTop * std::exp(-0.5 * at * at) / (normal.deviation * normal.mass);
        }
    }
    return std::log(std::max(sum, 1e-300) / static_cast<double>(normals_.size()));
}

}  // namespace keel::tune
