// Sums of a fixed shape, ((0+1)+(2+3))+((4+5)+(6+7)), which come out the same to the bit whoever adds which of the
// terms.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "kernels/parallel.h"

namespace keel {

/// Sums 2^k vectors of one length. With 2^m ranks that each sum 2^k neighbouring ones, halving-doubling
/// (allreduce_plan.h) adds their sums in the shape in which one rank would have gone on. Memory for k + 1 vectors.
template <class T>
class PairwiseSum {
public:
    explicit PairwiseSum(std::size_t length) : length_(length) {}

    /// Memory for the next term: the caller fills it, then calls add().
    std::span<T> next() {
        if (held_ == levels_.size()) levels_.emplace_back(length_);
        return levels_[held_];
    }
    void add() {
        ++held_;
        // As a binary number counts up: each trailing 1 is a sum of as many terms.
        for (std::int64_t bits = terms_++; bits % 2 != 0; bits /= 2, --held_) {
            std::vector<T>& to = levels_[held_ - 2];
            const std::vector<T>& from = levels_[held_ - 1];
            parallel_for(static_cast<std::int64_t>(length_), 4096, [&](std::int64_t begin, std::int64_t end) {
                for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) to[i] += from[i];
            });
        }
    }

    /// The sum; what is added afterwards begins a new one, in the same memory. Throws UsageError unless there were 2^k
    /// terms.
    std::span<T> take() {
        if (held_ != 1)
            throw UsageError("[sum] wanted a number of terms that is a power of two, not " + std::to_string(terms_));
        reset();
        return levels_[0];
    }
    /// Forgets what was added.
    void reset() {
        terms_ = 0;
        held_ = 0;
    }

private:
    std::size_t length_;
    std::vector<std::vector<T>> levels_;  // sums that wait for their neighbour, the largest first
    std::size_t held_ = 0;                // of levels_
    std::int64_t terms_ = 0;
};

}  // namespace keel
