// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// A draw is a pure function of its key and counter, so it never depends on the thread that makes it.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace keel {

using Philox4 = std::array<std::uint32_t, 4>;

/// Ten rounds of Philox: four uniform 32-bit words from a 128-bit counter and a 64-bit key.
inline Philox4 philox4x32(Philox4 counter, std::uint64_t key) {
    auto k0 = static_cast<std::uint32_t>(key);
    auto k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53} * counter[0];
        const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(p1),
                   static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(p0)};
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    return counter;
}

/// What a stream of draws is for; part of its key, so that purposes never share numbers.
enum class Draw : std::uint32_t {
    initialize = 1,
    shuffle,
    augment,
    dropout,
    split,
    synthesize,
    bench,
    bootstrap,
    mix,
    search
};

/// A sequence of draws that depends on (seed, purpose, a, b) alone, e.g. a = epoch and b = sample.
class Random {
public:
    Random(std::uint64_t seed, Draw purpose, std::uint64_t a = 0, std::uint64_t b = 0)
        : key_(seed ^ (std::uint64_t{static_cast<std::uint32_t>(purpose)} << 56)),
          a_(static_cast<std::uint32_t>(a)),
          b_(b) {}

    /// Uniform over all 32-bit words.
    std::uint32_t bits() {
        if (used_ == 4) {
            block_ = philox4x32({position_++, a_, static_cast<std::uint32_t>(b_), static_cast<std::uint32_t>(b_ >> 32)},
                                key_);
            used_ = 0;
        }
        return block_[used_++];
    }

    /// Uniform in [0, 1), 24 bits.
    float uniform() { return static_cast<float>(bits() >> 8) * 0x1p-24F; }
    float uniform(float low, float high) { return low + (high - low) * uniform(); }

    /// Uniform in [0, n), n >= 1, without bias (Lemire's rejection).
    std::uint32_t below(std::uint32_t n) {
        std::uint64_t product = std::uint64_t{bits()} * n;
        if (static_cast<std::uint32_t>(product) < n) {
            const std::uint32_t threshold = (0U - n) % n;
            while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{bits()} * n;
        }
        return static_cast<std::uint32_t>(product >> 32);
    }

    bool chance(float probability) { return uniform() < probability; }

    /// Standard normal, by Box and Muller's transform.
    float normal() {
        const double u = (bits() + 1.0) * 0x1p-32;  // (0, 1]
        const double v = bits() * 0x1p-32;
        return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v));
    }

private:
    std::uint64_t key_;
    std::uint32_t a_, position_ = 0;
    std::uint64_t b_;
    Philox4 block_{};
    unsigned used_ = 4;
};

/// Fisher-Yates over [first, last) with the given stream.
template <class Iterator>
void shuffle(Iterator first, Iterator last, Random& random) {
    using std::swap;
    for (auto n = last - first; n > 1; --n) swap(first[n - 1], first[random.below(static_cast<std::uint32_t>(n))]);
}

}  // namespace keel
