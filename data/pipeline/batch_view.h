// A batch's images as a tensor, without a copy.
#pragma once

#include <span>

#include "data/pipeline/batch.h"

namespace keel {

/// Returns what images_of() does without a copy: for who only reads it, and is done with it before the batch changes or
/// goes. Operators write to borrowed memory only where they are told to.
inline Tensor view_of_images(const Batch& batch) {
    return Tensor::borrow(std::span<float>(const_cast<float*>(batch.images.data()), batch.images.size()),
                          {batch.n, batch.image_size, batch.image_size, batch.channels});
}

}  // namespace keel
