// Whether images tell enough of what a model will see to quantize it by them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace keel {

/// How images {n, h, w, c} differ.
struct Variation {
    std::int64_t images = 0;
    std::int64_t distinct = 0;  ///< counting those that are the same to the bit once
    std::int64_t blank = 0;     ///< whose pixels are all alike
    double between = 0;         ///< the part of the pixels' variance that lies between images, not within them
};

Variation variation_of(std::span<const Tensor> batches);

/// Throws InputError for NaN and infinity, and where ranges made of `seen`, or a comparison on `held_out`, would say
/// nothing: all images the same or nearly so, none that shows anything, none held out that was not seen. Returns what
/// is doubtful about them, for people.
std::vector<std::string> require_variation(std::span<const Tensor> seen, std::span<const Tensor> held_out);

}  // namespace keel
