// How a matrix product is divided among threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/parallel.h"

namespace keel::kernels {

struct Range {
    std::int64_t begin, end;
    std::int64_t size() const { return end - begin; }
};

/// Returns part `index` of `parts` nearly equal parts of [0, count).
constexpr Range part(std::int64_t count, std::int64_t parts, std::int64_t index) {
    return {count * index / parts, count * (index + 1) / parts};
}

/// Returns piece `index` of `pieces` nearly equal ones of a range.
inline Range piece_of(Range whole, std::int64_t pieces, std::int64_t index) {
    const Range cut = part(whole.size(), pieces, index);
    return {whole.begin + cut.begin, whole.begin + cut.end};
}

/// Rows of a piece at least: it reads all weights of its columns, which then takes a few per cent of its time.
inline constexpr std::int64_t kPieceRows = 256;

/// Returns the pieces that a share of `rows` rows in `units` is cut into, if it is long; piece_count() says how many it
/// should be.
inline std::int64_t pieces_of_share(std::int64_t rows, std::int64_t units, std::int64_t multiply_adds) {
    return std::clamp<std::int64_t>(std::min(rows / kPieceRows, units), 1, piece_count(multiply_adds));
}

/// Returns the units of a part where `count` are divided into as few parts as can be of at most `most`, as even as can
/// be.
constexpr std::int64_t even_share(std::int64_t count, std::int64_t most) {
    return chunk_count(count, std::max<std::int64_t>(1, chunk_count(count, most)));
}

struct Split {
    std::int64_t rows, columns;
    std::int64_t parts() const { return rows * columns; }
};

/// Returns the split of rows x columns units into at most `threads` blocks whose largest is least work. A unit counts
/// 4, and 1 for each row of a block, whose source is read and perhaps gathered once, however many its columns. Where
/// several are least, the one with the most rows.
constexpr Split split_units(std::int64_t rows, std::int64_t columns, std::int64_t threads) {
    Split best{1, 1};
    std::int64_t least = rows * (4 * columns + 1);
    for (std::int64_t r = std::min(rows, threads); r >= 1; --r) {
        const std::int64_t c = std::min(columns, threads / r),
                           work = chunk_count(rows, r) * (4 * chunk_count(columns, c) + 1);
        if (work < least) {
            best = {r, c};
            least = work;
        }
    }
    return best;
}

}  // namespace keel::kernels
