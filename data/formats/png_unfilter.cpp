// A row's bytes wait for each other: each needs the one left of it, about a dozen instructions in a row. But row r + 1
// needs of row r only what lies up to its own column, so sixteen rows run at once, one in each byte of a vector, each a
// pixel later than the one above. Then "up" is the vector of a pixel ago shifted by one lane, and "upper left" the "up"
// of a pixel ago. SSE2, which every x86-64 has.
#include "data/formats/png_unfilter.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

namespace keel {
namespace {

/// Returns bytes [at, at + 16) of a row of `length` bytes; 0 where it has none.
__m128i load_part(const std::uint8_t* row, std::int64_t length, std::int64_t at) {
    if (at >= 0 && at + 16 <= length) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + at));
    alignas(16) std::uint8_t part[16] = {};
    const std::int64_t begin = std::max<std::int64_t>(at, 0), end = std::min(at + 16, length);
    if (begin < end) std::memcpy(part + (begin - at), row + begin, static_cast<std::size_t>(end - begin));
    return _mm_load_si128(reinterpret_cast<const __m128i*>(part));
}

/// Stores bytes [at, at + 16) of a row; what lies outside of it is left out.
void store_part(std::uint8_t* row, std::int64_t length, std::int64_t at, __m128i bytes) {
    if (at >= 0 && at + 16 <= length) return _mm_storeu_si128(reinterpret_cast<__m128i*>(row + at), bytes);
    alignas(16) std::uint8_t part[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(part), bytes);
    const std::int64_t begin = std::max<std::int64_t>(at, 0), end = std::min(at + 16, length);
    if (begin < end) std::memcpy(row + begin, part + (begin - at), static_cast<std::size_t>(end - begin));
}

/// Four perfect shuffles rotate the eight bits of (row, column) by four.
void transpose(__m128i (&m)[16]) {
    for (int shuffle = 0; shuffle < 4; ++shuffle) {
        __m128i next[16];
        for (int i = 0; i < 8; ++i) {
            next[2 * i] = _mm_unpacklo_epi8(m[i], m[i + 8]);
            next[2 * i + 1] = _mm_unpackhi_epi8(m[i], m[i + 8]);
        }
        std::copy(next, next + 16, m);
    }
}

__m128i choose(__m128i mask, __m128i yes, __m128i no) {
    return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

/// Returns of a (left), b (up), c (upper left) the nearest to a + b - c, the first of equals: the distances are |b -
/// c|, |a - c| and
/// |(a - c) + (b - c)|, the last from sums of what is above and below c, whose saturation at 255 changes no comparison.
__m128i paeth(__m128i a, __m128i b, __m128i c) {
    const __m128i a_over = _mm_subs_epu8(a, c), a_under = _mm_subs_epu8(c, a);
    const __m128i b_over = _mm_subs_epu8(b, c), b_under = _mm_subs_epu8(c, b);
    const __m128i over = _mm_adds_epu8(a_over, b_over), under = _mm_adds_epu8(a_under, b_under);
    const __m128i to_a = _mm_or_si128(b_over, b_under), to_b = _mm_or_si128(a_over, a_under);
    const __m128i to_c = _mm_or_si128(_mm_subs_epu8(over, under), _mm_subs_epu8(under, over));
    const __m128i least = _mm_min_epu8(to_a, _mm_min_epu8(to_b, to_c));
    return choose(_mm_cmpeq_epi8(to_a, least), a, choose(_mm_cmpeq_epi8(to_b, least), b, c));
}

__m128i floor_average(__m128i a, __m128i b) {
    return _mm_sub_epi8(_mm_avg_epu8(a, b), _mm_and_si128(_mm_xor_si128(a, b), _mm_set1_epi8(1)));
}

template <int kBpp>
void unfilter(std::int64_t length, int rows, const std::uint8_t* src, const std::uint8_t* above, std::uint8_t* dst) {
    alignas(16) std::uint8_t types[16] = {};
    for (int r = 0; r < rows; ++r) types[r] = src[r * (length + 1)];
    const __m128i type = _mm_load_si128(reinterpret_cast<const __m128i*>(types));
    const auto rows_of = [&](char wanted) { return _mm_cmpeq_epi8(type, _mm_set1_epi8(wanted)); };
    const __m128i by_left = rows_of(1), by_up = rows_of(2), by_average = rows_of(3), by_paeth = rows_of(4);

    __m128i lefts[kBpp] = {}, ups[kBpp] = {};  // of the last kBpp columns, the oldest first
    for (std::int64_t column = 0; column < length + (rows - 1) * kBpp; column += 16) {
        __m128i block[16];  // of a row each, then of a column each, then of a row
        for (int r = 0; r < 16; ++r)
            block[r] =
                r < rows ? load_part(src + r * (length + 1) + 1, length, column - r * kBpp) : _mm_setzero_si128();
        alignas(16) std::uint8_t over[16];
        _mm_store_si128(reinterpret_cast<__m128i*>(over), load_part(above, length, column));
        transpose(block);
        for (int i = 0; i < 16; ++i) {
            const __m128i a = lefts[0], b = _mm_or_si128(_mm_slli_si128(a, 1), _mm_cvtsi32_si128(over[i])), c = ups[0];
            const __m128i simple = _mm_or_si128(_mm_and_si128(by_left, a), _mm_and_si128(by_up, b));
            const __m128i rest =
                _mm_or_si128(_mm_and_si128(by_average, floor_average(a, b)), _mm_and_si128(by_paeth, paeth(a, b, c)));
            block[i] = _mm_add_epi8(block[i], _mm_or_si128(simple, rest));
            std::copy(lefts + 1, lefts + kBpp, lefts);
            std::copy(ups + 1, ups + kBpp, ups);
            lefts[kBpp - 1] = block[i];
            ups[kBpp - 1] = b;
        }
        transpose(block);
        for (int r = 0; r < rows; ++r) store_part(dst + r * length, length, column - r * kBpp, block[r]);
    }
}

}  // namespace

void png_unfilter(int bpp, std::int64_t length, int rows, const std::uint8_t* src, const std::uint8_t* above,
                  std::uint8_t* dst) {
    constexpr decltype(&unfilter<1>) kByPixel[] = {unfilter<1>, unfilter<2>, unfilter<3>, unfilter<4>};
    kByPixel[bpp - 1](length, rows, src, above, dst);
}

}  // namespace keel
