// Sums over the rows of a matrix, one per column, in fixed chunks of rows: the result does not depend on the number of
// threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/parallel.h"

namespace keel::kernels {

/// Returns the rows of a chunk: 128 KiB of floats, or less where that would make fewer chunks than large teams want,
/// and no more chunks than that: the caller alone adds them up. A multiple of 24, of 12 where rows are few: the kernels
/// sum eight rows at a time, and convolutions make six or twelve.
constexpr std::int64_t chunk_rows(std::int64_t rows, std::int64_t c) {
    constexpr std::int64_t kWanted = 56, kMostChunks = 128, kFloats = 32768, kGroup = 24;
    const std::int64_t least = std::max(std::min(kFloats / std::max<std::int64_t>(c, 1), chunk_count(rows, kWanted)),
                                        chunk_count(rows, kMostChunks));
    const std::int64_t group = rows < kWanted * kGroup ? kGroup / 2 : kGroup;
    return std::max<std::int64_t>(1, chunk_count(least, group)) * group;
}

/// Rows in consecutive chunks; no rows at all are one empty chunk.
class RowChunks {
public:
    /// Chunks of `rows_each`, the last one smaller.
    RowChunks(std::int64_t rows, std::int64_t rows_each) : bounds_{0} {
        while (bounds_.back() < rows) bounds_.push_back(std::min(bounds_.back() + rows_each, rows));
        if (rows == 0) bounds_.push_back(0);
    }
    /// Chunk i is [bounds[i], bounds[i + 1]).
    explicit RowChunks(std::vector<std::int64_t> bounds) : bounds_(std::move(bounds)) {}

    std::int64_t count() const { return std::ssize(bounds_) - 1; }
    std::int64_t begin(std::int64_t chunk) const { return bounds_[static_cast<std::size_t>(chunk)]; }
    std::int64_t end(std::int64_t chunk) const { return begin(chunk + 1); }
    std::int64_t rows(std::int64_t chunk) const { return end(chunk) - begin(chunk); }

private:
    std::vector<std::int64_t> bounds_;
};

/// Returns the length of a buffer of `c` sums that kernels fill with whole vectors.
constexpr std::int64_t padded_columns(std::int64_t c) { return (c + 15) / 16 * 16; }

/// What each chunk of rows contributes: `n` sums for each column.
class ColumnPartials {
public:
    ColumnPartials(RowChunks chunks, std::int64_t c, std::int64_t n)
        : chunks_(std::move(chunks)),
          c_(c),
          n_(n),
          values_(static_cast<std::size_t>(chunks_.count() * n * padded_columns(c))) {}
    ColumnPartials(std::int64_t rows, std::int64_t c, std::int64_t n)
        : ColumnPartials(RowChunks(rows, chunk_rows(rows, c)), c, n) {}

    const RowChunks& chunks() const { return chunks_; }
    double* of(std::int64_t chunk, std::int64_t k) { return values_.data() + (chunk * n_ + k) * padded_columns(c_); }

    /// Calls body(chunk) for every chunk, on all threads.
    template <class Body>
    void fill(Body body) {
        parallel_for(chunks_.count(), 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t chunk = begin; chunk < end; ++chunk) body(chunk);
        });
    }

    /// Adds up sum k of all chunks, in order, into chunk 0 and returns it.
    const double* total(std::int64_t k) {
        double* sums = of(0, k);
        for (std::int64_t chunk = 1; chunk < chunks_.count(); ++chunk) {
            const double* more = of(chunk, k);
            for (std::int64_t i = 0; i < c_; ++i) sums[i] += more[i];
        }
        return sums;
    }

private:
    RowChunks chunks_;
    std::int64_t c_, n_;
    std::vector<double> values_;
};

/// Rows of elements of so many bytes, `ld` elements apart; null: none.
struct RowMap {
    const void* data = nullptr;
    std::int64_t ld = 0, bytes = sizeof(float);
};

/// Takes the rows of a matrix as they are made, each chunk of them while it is in the cache of the thread that made it.
class RowEpilogue {
public:
    virtual ~RowEpilogue() = default;
    /// Called once, before the rows.
    virtual void begin(const RowChunks& chunks) = 0;
    /// Takes columns [first, first + count) of a chunk; `rows` points to the first of them in its first row, the others
    /// are `ld` floats apart. Each chunk and column once, by any thread. The rows may be overwritten.
    virtual void take(std::int64_t chunk, std::int64_t first, std::int64_t count, float* rows, std::int64_t ld) = 0;
    /// Returns what it reads beside them, row by row and column by column: worth fetching while they are made.
    virtual std::array<RowMap, 2> reads() const { return {}; }
};

}  // namespace keel::kernels
