// Dropout follows its formula exactly: the words of Philox decide.
#include "kernels/dropout/dropout.h"

#include "tests/kernels/samples.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

TEST_CASE("dropout keeps what the words say, on every ISA and any number of threads", "[dropout]") {
    constexpr std::uint64_t kKey = 0x0123456789abcdefU;
    for (const std::int64_t n : {0, 1, 3, 4, 5, 63, 64, 65, 127, 30011})
        for (const double p : {0.0, 0.2, 0.5, 0.999, 1 - 0x1p-40}) {
            const auto src = uniform(n, 1);
            std::vector<float> wanted;
            for (std::size_t i = 0; i < src.size(); ++i) {
                const auto words = philox4x32({static_cast<std::uint32_t>(i / 4), 0, 0, 0}, kKey);
                wanted.push_back(words[i % 4] >= p * 0x1p32 ? static_cast<float>(1 / (1 - p)) * src[i] : 0.0F);
            }
            for_each_isa([&] {
                for (const int threads : {1, 2, 3}) {
                    CAPTURE(n, p, threads);
                    const ThreadScope scope(threads);
                    std::vector<float> dst(src.size(), kNaN), in_place = src;
                    dropout(n, p, kKey, src.data(), dst.data());
                    dropout(n, p, kKey, in_place.data(), in_place.data());
                    CHECK(dst == wanted);
                    CHECK(in_place == wanted);
                }
            });
        }
}

TEST_CASE("dropped elements become 0 even where they were NaN, and keys differ", "[dropout]") {
    const std::vector<float> src(4000, kNaN), ones(4000, 1.0F);
    for_each_isa([&] {
        std::vector<float> dst(4000), first(4000), second(4000);
        dropout(4000, 0.5, 1, src.data(), dst.data());
        const auto zeros = std::count(dst.begin(), dst.end(), 0.0F);
        // 4000 fair coins: 2000 with a standard deviation of 31.6; five of them
        CHECK(std::abs(zeros - 2000) < 158);
        dropout(4000, 0.5, 1, ones.data(), first.data());
        dropout(4000, 0.5, 2, ones.data(), second.data());
        CHECK(first != second);
    });
}
