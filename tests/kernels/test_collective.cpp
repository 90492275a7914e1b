#include "kernels/collective/collective.h"

#include <bit>

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

TEST_CASE("what was received is added", "[collective]") {
    for (const std::int64_t n : kLengths) {
        const auto src = uniform(n, 1), before = uniform(n, 2);
        auto truth = before;
        for (std::size_t i = 0; i < truth.size(); ++i) truth[i] += src[i];
        for_each_isa([&] {
            auto dst = before;
            add_received(n, src.data(), dst.data());
            CHECK(dst == truth);
        });
    }
}

TEST_CASE("all windows hold the sum, added in the order of the ranks", "[collective]") {
    for (const std::int64_t n : kLengths)
        for (const std::int64_t count : {1, 2, 3, 5, 8}) {
            std::vector<std::vector<float>> before;
            for (std::int64_t k = 0; k < count; ++k) before.push_back(uniform(n, static_cast<std::uint64_t>(k)));
            auto truth = before[0];
            for (std::size_t k = 1; k < before.size(); ++k)
                for (std::size_t i = 0; i < truth.size(); ++i) truth[i] += before[k][i];
            for_each_isa([&] {
                CAPTURE(n, count);
                auto maps = before;
                std::vector<float*> pointers;
                for (auto& map : maps) pointers.push_back(map.data());
                sum_in_place(n, count, pointers.data());
                for (const auto& map : maps) CHECK(map == truth);
            });
        }
}

TEST_CASE("bfloat16 is the nearest, ties to even", "[collective]") {
    const std::vector<float> src{0,
                                 -0.0F,
                                 1,
                                 -1,
                                 1 + 0x1p-8F,
                                 1 + 0x1p-7F + 0x1p-8F,
                                 1 + 0x1p-8F + 0x1p-20F,
                                 0x1.fep127F,
                                 0x1.fffffep127F,
                                 0x1p-149F,
                                 kInfinity,
                                 -kInfinity,
                                 3.14159F,
                                 -2.71828F,
                                 0x1p-126F,
                                 1e-3F,
                                 65504};
    const std::vector<float> nearest{0,           -0.0F,       1,         -1,          1,         1 + 0x1p-6F,
                                     1 + 0x1p-7F, 0x1.fep127F, kInfinity, 0,           kInfinity, -kInfinity,
                                     3.140625F,   -2.71875F,   0x1p-126F, 0x1.06p-10F, 65536};
    for_each_isa([&] {
        std::vector<std::uint16_t> packed(src.size());
        std::vector<float> back(src.size());
        pack_bf16(std::ssize(src), src.data(), packed.data());
        unpack_bf16(std::ssize(src), packed.data(), back.data());
        CHECK(back == nearest);
        CHECK(std::signbit(back[1]));
    });
}

TEST_CASE("every bfloat16 survives, NaN stay NaN", "[collective]") {
    std::vector<std::uint16_t> all(65536);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
    for_each_isa([&] {
        std::vector<float> floats(all.size());
        std::vector<std::uint16_t> back(all.size());
        unpack_bf16(std::ssize(all), all.data(), floats.data());
        pack_bf16(std::ssize(all), floats.data(), back.data());
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < all.size(); ++i)
            wrong += std::isnan(floats[i]) ? (back[i] & 0x7fc0U) != 0x7fc0U : back[i] != all[i];
        CHECK(wrong == 0);
        // A NaN whose payload lies in the lower half alone.
        const float low = std::bit_cast<float>(0x7f800001U);
        std::uint16_t half = 0;
        pack_bf16(1, &low, &half);
        CHECK((half & 0x7fffU) > 0x7f80U);
    });
}

TEST_CASE("bfloat16 is added in float", "[collective]") {
    for (const std::int64_t n : kLengths) {
        const auto src = uniform(n, 1), before = uniform(n, 2);
        std::vector<std::uint16_t> packed(src.size());
        pack_bf16(n, src.data(), packed.data());
        std::vector<float> truth(src.size());
        unpack_bf16(n, packed.data(), truth.data());
        for (std::size_t i = 0; i < truth.size(); ++i) truth[i] += before[i];
        for_each_isa([&] {
            auto dst = before;
            add_bf16(n, packed.data(), dst.data());
            CHECK(dst == truth);
        });
    }
}
