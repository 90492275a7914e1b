// Maps of bf16 for tests of kernels.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/bf16.h"
#include "tests/kernels/panel_samples.h"

namespace keel::test {

using Halves = std::vector<std::uint16_t>;

/// A rounding to 8 bits errs by so much of the result.
inline constexpr double kHalfRoundoff = 0x1p-8;

inline Halves rounded(const Floats& values) {
    Halves halves;
    for (const float value : values) halves.push_back(to_bf16(value));
    return halves;
}

inline Floats widened_halves(const Halves& halves) {
    Floats values;
    for (const std::uint16_t half : halves) values.push_back(from_bf16(half));
    return values;
}

inline Floats nearest(const Floats& values) { return widened_halves(rounded(values)); }

/// What is `limits` from the truth, rounded to bf16. What multiplies may flush what is below the smallest normal
/// number.
inline Doubles with_rounding(Doubles limits, const Doubles& truth) {
    for (std::size_t i = 0; i < limits.size(); ++i)
        limits[i] += kHalfRoundoff * (std::abs(truth[i]) + limits[i]) + 0x1p-120;
    return limits;
}

/// A map of either type: f32, or the same numbers as bf16, which they are to be already.
struct EitherMap {
    EitherMap(bool as_halves, const Floats& dense, std::int64_t channels, std::int64_t distance)
        : halves(as_halves), channels_(channels), ld(distance), floats(spread(dense, channels, distance)) {
        if (halves) bits = rounded(floats);
    }
    ConstMap read() const { return halves ? ConstMap{bits.data(), ld, DType::bf16} : ConstMap{floats.data(), ld}; }
    Map write() { return halves ? Map{bits.data(), ld, DType::bf16} : Map{floats.data(), ld}; }
    Floats values() const { return gathered(halves ? widened_halves(bits) : floats, channels_, ld); }

    bool halves;
    std::int64_t channels_, ld;
    Floats floats;
    Halves bits;
};

}  // namespace keel::test
