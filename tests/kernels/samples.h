// What the kernel tests share: inputs, and how far a float result lies from the truth in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <vector>

#include "kernels/random.h"

namespace keel::test {

/// The unit roundoff of float: one operation errs by at most kRoundoff times its result.
constexpr double kRoundoff = 0x1p-24;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Lengths around the widths of the vectors, 8 and 16, and primes.
constexpr std::initializer_list<std::int64_t> kLengths{0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 61, 113};

inline std::vector<float> uniform(std::int64_t n, std::uint64_t seed, float low = -1, float high = 1) {
    Random random(seed, Draw::synthesize);
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& value : values) value = random.uniform(low, high);
    return values;
}

inline std::vector<double> widened(const std::vector<float>& values) { return {values.begin(), values.end()}; }

/// Equal, or both NaN.
inline bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

inline bool same(const std::vector<float>& a, const std::vector<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) { return same(x, y); });
}

/// How many values lie further from the truth than their bound (a NaN lies too far from everything).
inline std::size_t outliers(const std::vector<float>& values, const std::vector<double>& truth,
                            const std::vector<double>& bounds) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!(std::abs(static_cast<double>(values[i]) - truth[i]) <= bounds[i])) ++count;
    return count;
}

}  // namespace keel::test
