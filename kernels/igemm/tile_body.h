// Implicit GEMM's tiles over the vector wrapper and a word that its lanes multiply; see variants.h. Include avx2.h or
// avx512.h first.
// Two vectors of columns and as many rows as the registers hold: 6 x 16 of AVX2's 16 registers, 12 x 32 of
// AVX-512's 32. Two loads of weights then serve 2 * kRows multiply-adds, whose other factor is broadcast from memory.
#pragma once

#include <utility>

#include "kernels/igemm/variants.h"
#include "kernels/simd/loops.h"

namespace keel::kernels::simd {
namespace {

constexpr int kRows = kWidth == 8 ? 6 : 12;
constexpr int kColumns = 2 * kWidth;

template <int kR>
struct Accumulators {
    Vec low[kR], high[kR];
};

template <int kR>
inline void start(const IgemmTile& t, std::int64_t column, Accumulators<kR>& acc) {
    const AllLanes all;
    const Vec low = t.bias == nullptr ? Vec{} : load(t.bias + column, all);
    const Vec high = t.bias == nullptr ? Vec{} : load(t.bias + column + kWidth, all);
    for (int r = 0; r < kR; ++r) {
        acc.low[r] = low;
        acc.high[r] = high;
    }
}

/// Finishes sums that a Word rounds to bf16.
template <class Word, int kR>
inline void finish_rounded(const IgemmTile& t, std::int64_t column, Accumulators<kR>& acc) {
    const AllLanes all;
    if (t.residual != nullptr)
        for (int r = 0; r < kR; ++r) {
            const auto* residual = reinterpret_cast<const std::uint16_t*>(t.residual[r]) + column;
            acc.low[r] += Word::load_half(residual, all);
            acc.high[r] += Word::load_half(residual + kWidth, all);
        }
    for (int r = 0; r < kR; ++r) {
        const Vec low = t.relu ? relu(acc.low[r]) : acc.low[r], high = t.relu ? relu(acc.high[r]) : acc.high[r];
        Word::store_half(t.rounded[r] + column, low, all);
        Word::store_half(t.rounded[r] + column + kWidth, high, all);
    }
}

template <class Word, int kR>
inline void finish(const IgemmTile& t, std::int64_t column, Accumulators<kR>& acc) {
    const AllLanes all;
    if (t.accumulate)  // at the end: a sum of short sums is rounded less than one long sum
        for (int r = 0; r < kR; ++r) {
            acc.low[r] += load(t.dst[r] + column, all);
            acc.high[r] += load(t.dst[r] + column + kWidth, all);
        }
    if constexpr (Word::kRounds)
        if (t.rounded != nullptr) return finish_rounded<Word>(t, column, acc);
    if (t.residual != nullptr)
        for (int r = 0; r < kR; ++r) {
            acc.low[r] += load(t.residual[r] + column, all);
            acc.high[r] += load(t.residual[r] + column + kWidth, all);
        }
    if (t.relu)
        for (int r = 0; r < kR; ++r) {
            acc.low[r] = relu(acc.low[r]);
            acc.high[r] = relu(acc.high[r]);
        }
    for (int r = 0; r < kR; ++r) {
        store(t.dst[r] + column, acc.low[r], all);
        store(t.dst[r] + column + kWidth, acc.high[r], all);
    }
}

constexpr std::int64_t kLine = 16;  // words of a cache line

/// What comes next is asked of the memory, a few cache lines with each line's length of depth: a burst of them would
/// fill the processor's miss buffers, which the stream of weights needs. A panel fetches its share of the rows, each
/// from its first line to its last: in that order the second-level cache's own prefetcher takes over and runs ahead,
/// and a miss buffer is held for a short while only.
class Fetch {
public:
    /// Fetches with the last tap what comes after all of them.
    Fetch(const IgemmTile& t, std::int64_t q, const IgemmSource& src, bool last_tap)
        : begin_(t.rows * q / t.panels), end_(t.rows * (q + 1) / t.panels), row_(begin_), steps_(t.depth / kLine) {
        if (src.next != nullptr) add(src.next, steps_);
        if (!last_tap) return;
        for (const float* const* rows : t.ahead)
            if (rows != nullptr) add(rows, t.panels * kColumns / (t.halves_ahead ? 2 * kLine : kLine));
        const IgemmAhead& weights = t.ahead_weights;
        const std::int64_t line = weights.begin + (weights.end - weights.begin) * q / t.panels;
        weights_lines_ = weights.begin + (weights.end - weights.begin) * (q + 1) / t.panels - line;
        if (weights_lines_ == 0) return;
        panel_left_ = weights.panel_lines - line % weights.panel_lines;
        weights_ = weights.first + line / weights.panel_lines * weights.panel + line % weights.panel_lines * kLine;
    }

    void step(const IgemmAhead& weights) {
        for (weights_due_ += weights_lines_; weights_due_ >= steps_; weights_due_ -= steps_) {
            __builtin_prefetch(weights_, 0, 2);
            weights_ += kLine;
            if (--panel_left_ > 0) continue;
            panel_left_ = weights.panel_lines;
            weights_ += weights.panel - weights.panel_lines * kLine;
        }
        for (due_ += lines_; due_ >= steps_; due_ -= steps_) {
            const Rows& rows = sets_[set_];
            __builtin_prefetch(rows.first[row_] + line_ * kLine);
            if (++line_ < rows.lines) continue;
            line_ = 0;
            if (++row_ < end_) continue;
            row_ = begin_;
            ++set_;
        }
    }

private:
    struct Rows {
        const float* const* first;
        std::int64_t lines;
    };
    void add(const float* const* first, std::int64_t lines) {
        sets_[count_++] = {first, lines};
        lines_ += lines * (end_ - begin_);
    }

    Rows sets_[3];
    int count_ = 0, set_ = 0;
    std::int64_t begin_, end_, row_, line_ = 0, lines_ = 0, steps_, due_ = 0;
    const float* weights_ = nullptr;
    std::int64_t weights_lines_ = 0, weights_due_ = 0, panel_left_ = 0;
};

/// Adds the products of all rows, which are addressed from every third one, so that all pointers stay in registers.
/// `count` is even.
template <class Word, int kR>
inline void multiply(const float* src, std::int64_t row, std::int64_t count, const float* weights,
                     Accumulators<kR>& acc) {
    const float* third[(kR + 2) / 3];
    for (int i = 0; i < (kR + 2) / 3; ++i) third[i] = src + 3 * i * row;
    for (std::int64_t k = 0; k < count; k += 2)
        for (int i = 0; i < 2; ++i, weights += kColumns) {
            const Vec low = load(weights, AllLanes{}), high = load(weights + kWidth, AllLanes{});
            for (int r = 0; r < kR; ++r) {
                const Vec factor = broadcast(third[r / 3][r % 3 * row + k + i]);
                acc.low[r] = Word::multiply_add(factor, low, acc.low[r]);
                acc.high[r] = Word::multiply_add(factor, high, acc.high[r]);
            }
        }
}

template <class Word, int kR>
void tile_of(const IgemmTile& t) {
    const bool ahead = t.ahead[0] != nullptr || t.ahead[1] != nullptr || t.ahead_weights.first != nullptr;
    for (std::int64_t q = 0; q < t.panels; ++q) {
        const std::int64_t column = q * kColumns;
        Accumulators<kR> acc;
        start(t, column, acc);
        const float* panel = t.weights + q * t.weights_panel;
        for (std::int64_t tap = 0; tap < t.taps; ++tap, panel += t.depth * kColumns) {
            const IgemmSource src = t.src[tap];
            std::int64_t k = 0;
            if (const bool last = tap + 1 == t.taps; src.next != nullptr || (ahead && last)) {
                Fetch fetch(t, q, src, last);
                for (; k + kLine <= t.depth; k += kLine) {
                    fetch.step(t.ahead_weights);
                    multiply<Word>(src.first + k, src.row, kLine, panel + k * kColumns, acc);
                }
            }
            multiply<Word>(src.first + k, src.row, t.depth - k, panel + k * kColumns, acc);
        }
        finish<Word>(t, column, acc);
    }
}

template <class Word, int kR>
void outer_of(const IgemmOuter& t) {
    Accumulators<kR> acc;
    const AllLanes all;
    for (int r = 0; r < kR; ++r) {
        acc.low[r] = t.accumulate ? load(t.weights + r * kColumns, all) : Vec{};
        acc.high[r] = t.accumulate ? load(t.weights + r * kColumns + kWidth, all) : Vec{};
    }
    for (int i = 0; i < kRows * kColumns;
         i += kLine)  // those of the next call, mostly: they may come from the third-level cache
        __builtin_prefetch(t.weights + kRows * kColumns + i, 1);
    const float* fetch = t.fetch;
    std::int64_t line = t.fetch_line;
    const float *a = t.a, *b = t.b;
    for (std::int64_t left = t.length; left > 0; left -= t.fetch_every) {
        __builtin_prefetch(fetch + line * kLine);
        if (++line >= t.fetch_lines) {
            line = 0;
            fetch += t.fetch_ld;
        }
        for (std::int64_t p = left < t.fetch_every ? left : t.fetch_every; p > 0; --p, a += t.a_step, b += kColumns) {
            const Vec low = load(b, all), high = load(b + kWidth, all);
            for (int r = 0; r < kR; ++r) {
                const Vec factor = broadcast(a[r]);
                acc.low[r] = Word::multiply_add(factor, low, acc.low[r]);
                acc.high[r] = Word::multiply_add(factor, high, acc.high[r]);
            }
        }
    }
    for (int r = 0; r < kR; ++r) {
        store(t.weights + r * kColumns, acc.low[r], all);
        store(t.weights + r * kColumns + kWidth, acc.high[r], all);
    }
}

template <class Word, std::size_t... kIndices>
void tile(const IgemmTile& t, std::index_sequence<kIndices...>) {
    static constexpr void (*kTiles[])(const IgemmTile&) = {tile_of<Word, kIndices + 1>...};
    kTiles[t.rows - 1](t);
}

template <class Word, std::size_t... kIndices>
void outer(const IgemmOuter& t, std::index_sequence<kIndices...>) {
    static constexpr void (*kOuters[])(const IgemmOuter&) = {outer_of<Word, kIndices + 1>...};
    kOuters[t.rows - 1](t);
}

/// A Word says how a lane multiplies, sum + a * b, and whether it rounds results to bf16, with load_half() and
/// store_half() then.
template <class Word>
void tile(const IgemmTile& t) {
    tile<Word>(t, std::make_index_sequence<kRows>{});
}
template <class Word>
void outer(const IgemmOuter& t) {
    outer<Word>(t, std::make_index_sequence<kRows>{});
}

}  // namespace
}  // namespace keel::kernels::simd
