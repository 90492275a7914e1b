// One float lane of plain C++: the third twin of avx2.h, in whose words a `*_body.h` file is the scalar variant as
// well. For bodies that are to give the same bits on every ISA: each of these rounds as the vectors' instructions do.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/isa.h"

namespace keel::kernels::simd {
namespace {

constexpr Isa kIsa = Isa::scalar;
constexpr std::int64_t kWidth = 1;
using Vec = float;
using Mask = bool;

struct AllLanes {};

/// No lanes: 0 < n < kWidth has no solution.
struct FirstLanes {
    int n = 0;
    explicit FirstLanes(std::int64_t) {}
};

inline Vec broadcast(float value) { return value; }
inline Vec load(const float* p, AllLanes) { return *p; }
inline Vec load(const float*, FirstLanes) { return 0; }
inline void store(float* p, Vec v, AllLanes) { *p = v; }
inline void store(float*, Vec, FirstLanes) {}

inline Vec fma(Vec a, Vec b, Vec c) { return std::fma(a, b, c); }
inline Vec sqrt(Vec a) { return std::sqrt(a); }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }  ///< b where either is NaN
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }  ///< likewise
inline Vec round(Vec a) { return std::nearbyint(a); }
inline Vec magnitude(Vec a) { return std::fabs(a); }
inline Vec copy_sign(Vec a, Vec sign) { return std::copysign(a, sign); }
/// 2^n for an integral -126 <= n <= 127.
inline Vec power_of_two(Vec n) {
    const bool within = n >= -126 && n <= 127;  // a NaN has no integer
    return std::bit_cast<float>((within ? static_cast<int>(n) + 127 : 0) << 23);
}
/// x = 2^exponent * fraction with fraction in [sqrt(1/2), sqrt(2)), for a normal x > 0.
struct Parts {
    Vec exponent, fraction;
};
inline Parts parts_of(Vec x) {
    const auto bits = std::bit_cast<std::int32_t>(x);
    const std::int32_t exponent = ((bits + (0x3f800000 - 0x3f3504f3)) >> 23) - 127;
    return {static_cast<float>(exponent), std::bit_cast<float>(bits - exponent * (1 << 23))};
}

inline Mask greater(Vec a, Vec b) { return a > b; }
inline Mask equal(Vec a, Vec b) { return a == b; }
inline Vec choose(Mask m, Vec yes, Vec no) { return m ? yes : no; }
inline Vec keep(Mask m, Vec a) { return m ? a : 0; }   ///< a where m, else 0
inline Vec clear(Mask m, Vec a) { return m ? 0 : a; }  ///< 0 where m, else a

inline Vec load_bytes(const std::uint8_t* p, AllLanes) { return *p; }
inline void store_bytes(std::uint8_t* p, Vec v, AllLanes) { *p = static_cast<std::uint8_t>(std::lrint(v)); }

/// A Vec's lane in double.
using Wide = double;
inline Wide widen(Vec v) { return v; }
inline Vec narrow(Wide a) { return static_cast<float>(a); }
inline Wide load_wide(const double* p) { return *p; }
inline void store_wide(double* p, Wide a) { *p = a; }
inline void add_to(double* p, Wide a) { *p += a; }

}  // namespace
}  // namespace keel::kernels::simd
