// The memory that a training step takes, known before it is run: drawn from steps of fewer images.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/arena.h"

namespace keel {

/// The blocks that a step takes of the arena and gives back, in order. Steps of any number of images take the same
/// ones, whose sizes are lines in that number.
class StepScript {
public:
    /// Draws the lines through two steps of `n_fewer` and `n_more` images. None where the two do not take the same
    /// blocks in the same order. Blocks that were there before count as kept.
    static std::optional<StepScript> draw(std::span<const ArenaEvent> fewer, std::int64_t n_fewer,
                                          std::span<const ArenaEvent> more, std::int64_t n_more);

    /// Returns the bytes that an arena takes of the system for steps of `images`, gaps between blocks included, where
    /// it holds `kept` bytes beside, and blocks of `late` bytes from the end of the first step on (an optimizer's
    /// state). It is run through an arena of its own, of which no byte is touched.
    std::int64_t reserved(std::int64_t images, std::int64_t kept, std::span<const std::int64_t> late = {}) const;

    /// Returns the most that blocks hold at once, without gaps.
    std::int64_t peak(std::int64_t images) const;

private:
    struct Event {
        std::size_t block = 0;  ///< the number of the take that it was handed out by
        bool taken = false;
        std::int64_t fewer = 0, more = 0;  ///< bytes
    };
    std::int64_t bytes_of(const Event& event, std::int64_t images) const;

    std::vector<Event> events_;
    std::size_t blocks_ = 0;
    std::int64_t n_fewer_ = 0, n_more_ = 0;
};

}  // namespace keel
