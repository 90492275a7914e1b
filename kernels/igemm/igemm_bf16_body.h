// Implicit GEMM of bf16 over the vector wrapper; see variants.h. Include avx2.h or avx512.h, and define Bf16Word,
// first.
#pragma once

#include "kernels/igemm/tile_body.h"
#include "kernels/igemm/winograd_body.h"
#include "kernels/simd/bf16.h"

namespace keel::kernels::simd {
namespace {

inline void store_words(float* p, Bits words) { store(p, reinterpret_cast<Vec>(words), AllLanes{}); }

template <class Word>
inline void gather_bf16(const IgemmGather& t) {
    for_lanes(2 * t.depth, [=](std::int64_t c, auto lanes) {
        const auto rows = [&](auto convert) {
            for (int r = 0; r < t.rows; ++r) {
                const auto* src = reinterpret_cast<const std::uint16_t*>(t.src[r]);
                auto* dst = reinterpret_cast<std::uint16_t*>(t.dst + r * t.dst_row);
                Word::store_half(dst + c, convert(load_bf16(src + c, lanes)), lanes);
            }
        };
        if (t.scale == nullptr) return rows([](Vec v) { return v; });
        const Vec scale = load(t.scale + c, lanes), shift = load(t.shift + c, lanes);
        if (t.relu)
            rows([&](Vec v) { return relu(fma(v, scale, shift)); });
        else
            rows([&](Vec v) { return fma(v, scale, shift); });
    });
}

/// Packs one vector of channels of pixels [begin, end), where `even` says that the first is the lower half of a word.
template <class Word, class Lanes, class Convert>
inline void pack_pixels(const IgemmPack& t, std::int64_t begin, std::int64_t end, std::int64_t c, float* panel,
                        Lanes lanes, Convert convert) {
    const std::uint16_t* src = static_cast<const std::uint16_t*>(t.src) + c;
    const auto pixel = [&](std::int64_t p) { return convert(load_bf16(src + p * t.ld, lanes)); };
    std::int64_t p = begin;
    if ((t.first + p) % 2 != 0 && p < end) {
        float* word = panel + (t.first + p) / 2 * t.width;
        store_words(word, reinterpret_cast<Bits>(load(word, AllLanes{})) | Word::upper(pixel(p)));
        ++p;
    }
    for (; p + 1 < end; p += 2) store_words(panel + (t.first + p) / 2 * t.width, Word::pair(pixel(p), pixel(p + 1)));
    if (p < end) store_words(panel + (t.first + p) / 2 * t.width, Word::lower(pixel(p)));
}

template <class Word, class Lanes>
inline void pack_pixels(const IgemmPack& t, std::int64_t begin, std::int64_t end, std::int64_t c, float* panel,
                        Lanes lanes) {
    if (t.scale == nullptr) return pack_pixels<Word>(t, begin, end, c, panel, lanes, [](Vec v) { return v; });
    const Vec scale = load(t.scale + c, lanes), shift = load(t.shift + c, lanes);
    if (t.relu)
        pack_pixels<Word>(t, begin, end, c, panel, lanes, [=](Vec v) { return relu(fma(v, scale, shift)); });
    else
        pack_pixels<Word>(t, begin, end, c, panel, lanes, [=](Vec v) { return fma(v, scale, shift); });
}

inline void pack_zeros(const IgemmPack& t, std::int64_t begin, std::int64_t end, float* panel) {
    for (std::int64_t p = begin + (t.first + begin) % 2; p < end; p += 2)  // an even pixel has cleared its neighbor
        store_words(panel + (t.first + p) / 2 * t.width, Bits{});
}

/// As f32's pack: a store of a whole vector spills into the place of the next pair of pixels, which is written after
/// it.
template <class Word>
inline void pack_bf16_pixels(const IgemmPack& t) {
    constexpr std::int64_t kChunk = 16;
    for (std::int64_t begin = 0; begin < t.pixels; begin += kChunk) {
        const std::int64_t end = begin + kChunk < t.pixels ? begin + kChunk : t.pixels;
        float* panel = t.dst;
        for (std::int64_t c = 0; c < t.channels; c += t.width, panel += t.panel)
            for (std::int64_t i = 0; i < t.width; i += kWidth) {
                const std::int64_t left = t.src == nullptr ? 0 : t.channels - c - i;
                if (left >= kWidth)
                    pack_pixels<Word>(t, begin, end, c + i, panel + i, AllLanes{});
                else if (left > 0)
                    pack_pixels<Word>(t, begin, end, c + i, panel + i, FirstLanes(left));
                else
                    pack_zeros(t, begin, end, panel + i);
            }
    }
}

/// Stores lanes as the half of words that `half` says, lower before upper.
template <class Word, class Lanes>
inline void store_half(float* p, Vec v, WordHalf half, Lanes lanes) {
    const Bits words =
        half == WordHalf::lower ? Word::lower(v) : reinterpret_cast<Bits>(load(p, lanes)) | Word::upper(v);
    store(p, reinterpret_cast<Vec>(words), lanes);
}

/// Stores what tiles side by side have at their positions, two of them to a word.
template <class Word>
class TilePairs {
public:
    /// `half`: of the first tile.
    TilePairs(WordHalf half, std::int64_t tiles) : odd_(half == WordHalf::upper ? 1 : 0), tiles_(tiles) {}

    /// To words that lie `next` apart from tile to tile, where both have one. Each vector has its tiles in order.
    template <class Lanes>
    void store(std::int64_t tile, int position, float* words, std::int64_t next, Vec v, Lanes lanes) {
        words += (tile + odd_) / 2 * next;
        if ((tile + odd_) % 2 != 0) {
            if (tile == 0) return store_half<Word>(words, v, WordHalf::upper, lanes);
            return simd::store(words, reinterpret_cast<Vec>(Word::pair(even_[position], v)), lanes);
        }
        even_[position] = v;
        if (tile + 1 == tiles_) store_half<Word>(words, v, WordHalf::lower, lanes);
    }

private:
    std::int64_t odd_, tiles_;
    Vec even_[16];  // of the tile before
};

template <class Word>
inline void winograd_source_bf16(const WinogradSource& t) {
    if (t.half == WordHalf::neighbors)
        return source_of<std::uint16_t>(t, [&](std::int64_t tile, int position, std::int64_t c, Vec v, auto lanes) {
            float* words = t.v + position * t.v_position + tile * t.v_tile;
            Word::store_half(reinterpret_cast<std::uint16_t*>(words) + c, v, lanes);
        });
    TilePairs<Word> pairs(t.half, t.tiles);
    source_of<std::uint16_t>(t, [&](std::int64_t tile, int position, std::int64_t c, Vec v, auto lanes) {
        pairs.store(tile, position, t.v + position * t.v_position + c, t.v_tile, v, lanes);
    });
}

template <class Word>
inline void winograd_result_bf16(const WinogradResult& t) {
    if (!t.rounded) return winograd_result(t);
    result_of<std::uint16_t>(t, [](std::uint16_t* p, Vec v, auto lanes) { Word::store_half(p, v, lanes); });
}

template <class Word>
inline void winograd_gradient_bf16(const WinogradGradient& t) {
    TilePairs<Word> pairs(t.half, t.tiles);
    gradient_of<std::uint16_t>(t, [&](std::int64_t tile, int position, float* z, Vec v, auto lanes) {
        pairs.store(tile, position, z + position * t.z_position, t.panel_columns, v, lanes);
    });
}

template <class Word>
inline void pair_rows(const IgemmPairRows& t) {
    const float *even = t.src, *odd = t.src + kColumns;
    for (std::int64_t k = 0; k < t.words; ++k, even += 2 * kColumns, odd += 2 * kColumns)
        for (std::int64_t j = 0; j < kColumns; j += kWidth)
            store_words(t.dst + k * kColumns + j, Word::pair(load(even + j, AllLanes{}), load(odd + j, AllLanes{})));
}

template <class Word>
inline void round_row(const IgemmRound& t) {
    for_lanes(t.columns, [=](std::int64_t j, auto lanes) {
        Vec v = load(t.src + j, lanes);
        if (t.residual != nullptr) v += load_bf16(t.residual + j, lanes);
        Word::store_half(t.dst + j, t.relu ? relu(v) : v, lanes);
    });
}

/// `isa`: what Bf16Word needs.
constexpr IgemmBf16Variant igemm_bf16(const Isa& isa) {
    return {isa,
            {isa, kRows, kColumns, tile<Bf16Word>, outer<Bf16Word>, gather_bf16<Bf16Word>, pack_bf16_pixels<Bf16Word>,
             winograd_source_bf16<Bf16Word>, winograd_result_bf16<Bf16Word>, winograd_weights,
             winograd_gradient_bf16<Bf16Word>, winograd_weights_gradient},
            pair_rows<Bf16Word>,
            round_row<Bf16Word>,
            true};
}

}  // namespace
}  // namespace keel::kernels::simd
