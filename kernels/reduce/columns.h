// Sums over the rows of a matrix, one per column, in fixed chunks of rows: the result does not depend on the number of threads.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/parallel.h"

namespace keel::kernels {

/// Rows of a chunk, a multiple of eight: 128 KiB of floats or more, and no more chunks than teams of threads need, since the caller
/// alone adds them up.
constexpr std::int64_t chunk_rows(std::int64_t rows, std::int64_t c) {
    constexpr std::int64_t kMostChunks = 128, kFloats = 32768, kGroup = 8;
    const std::int64_t least = std::max(kFloats / std::max<std::int64_t>(c, 1), chunk_count(rows, kMostChunks));
    return std::max<std::int64_t>(32, chunk_count(least, kGroup) * kGroup);
}

/// Length of a buffer of `c` sums that kernels fill with whole vectors.
constexpr std::int64_t padded_columns(std::int64_t c) { return (c + 15) / 16 * 16; }

/// What each chunk of rows contributes: `n` sums for each column. No rows at all are one empty chunk.
struct ColumnPartials {
    std::int64_t rows, c, n;
    std::int64_t rows_each = chunk_rows(rows, c);
    std::int64_t chunks = std::max<std::int64_t>(1, chunk_count(rows, rows_each));
    std::vector<double> values = std::vector<double>(static_cast<std::size_t>(chunks * n * padded_columns(c)));

    double* of(std::int64_t chunk, std::int64_t k) { return values.data() + (chunk * n + k) * padded_columns(c); }
    std::int64_t first_row(std::int64_t chunk) const { return chunk * rows_each; }
    std::int64_t rows_of(std::int64_t chunk) const { return std::min(rows_each, rows - first_row(chunk)); }

    /// Calls body(chunk) for every chunk, on all threads.
    template <class Body>
    void fill(Body body) {
        parallel_for(chunks, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t chunk = begin; chunk < end; ++chunk) body(chunk);
        });
    }

    /// Adds up sum k of all chunks, in order, into chunk 0 and returns it.
    const double* total(std::int64_t k) {
        double* sums = of(0, k);
        for (std::int64_t chunk = 1; chunk < chunks; ++chunk) {
            const double* more = of(chunk, k);
            for (std::int64_t i = 0; i < c; ++i) sums[i] += more[i];
        }
        return sums;
    }
};

}  // namespace keel::kernels
