#include "engine/small_floats.h"

#include "kernels/bf16.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("Numbers of 16 bits go to floats and back as they are", "[small_floats]") {
    int wrong = 0;
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto value = static_cast<std::uint16_t>(bits);
        if (!std::isnan(from_half(value))) wrong += to_half(from_half(value)) != value;
        if (!std::isnan(kernels::from_bf16(value))) wrong += kernels::to_bf16(kernels::from_bf16(value)) != value;
    }
    CHECK(wrong == 0);
    CHECK(std::isnan(from_half(to_half(NAN))));
    CHECK(std::isnan(kernels::from_bf16(kernels::to_bf16(NAN))));
}

TEST_CASE("Floats are rounded to the nearest, ties to even", "[small_floats]") {
    int wrong = 0;
    for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {  // neighbours of half precision, and what lies between them
        const auto low = static_cast<std::uint16_t>(bits), high = static_cast<std::uint16_t>(bits + 1);
        const float middle = (from_half(low) + from_half(high)) / 2;  // exact
        wrong += to_half(middle) != (bits % 2 == 0 ? low : high);
        wrong += to_half(std::nextafter(middle, 0.0F)) != low;
        wrong += to_half(-std::nextafter(middle, INFINITY)) != (high | 0x8000);
    }
    CHECK(wrong == 0);
    CHECK(from_half(to_half(65519.0F)) == 65504);
    CHECK(std::isinf(from_half(to_half(65520.0F))));
    for (std::uint32_t bits = 0; bits < 0x7F7F; ++bits) {
        const auto low = static_cast<std::uint16_t>(bits), high = static_cast<std::uint16_t>(bits + 1);
        const float middle = std::bit_cast<float>((bits << 16) + 0x8000U);
        wrong += kernels::to_bf16(middle) != (bits % 2 == 0 ? low : high);
        wrong += kernels::to_bf16(std::nextafter(middle, 0.0F)) != low;
        wrong += kernels::to_bf16(std::nextafter(middle, INFINITY)) != high;
    }
    CHECK(wrong == 0);
}
