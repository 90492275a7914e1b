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

/// Part `index` of `parts` nearly equal parts of [0, count).
constexpr Range part(std::int64_t count, std::int64_t parts, std::int64_t index) {
    return {count * index / parts, count * (index + 1) / parts};
}

struct Split {
    std::int64_t rows, columns;
    std::int64_t parts() const { return rows * columns; }
};

/// The split of rows x columns units into at most `threads` blocks whose largest is smallest; where several are, the one with the
/// most rows, because blocks of the same rows all read the same source.
constexpr Split split_units(std::int64_t rows, std::int64_t columns, std::int64_t threads) {
    Split best{1, 1};
    std::int64_t smallest = rows * columns;
    for (std::int64_t r = std::min(rows, threads); r >= 1; --r) {
        const std::int64_t c = std::min(columns, threads / r), largest = chunk_count(rows, r) * chunk_count(columns, c);
        if (largest < smallest) {
            best = {r, c};
            smallest = largest;
        }
    }
    return best;
}

}  // namespace keel::kernels
