// Over all gradients at once: their norm, clipping, and the watch for NaN and infinity.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace keel {

/// sqrt of the sum of squares of all gradients there are, in double; the result does not depend on the number of
/// threads.
double gradient_norm(const std::vector<NamedTensor>& parameters);

/// Multiplies all gradients.
void scale_gradients(const std::vector<NamedTensor>& parameters, double factor);

/// Scales all gradients by max_norm / norm if norm > max_norm. Returns the norm before; not finite: nothing is scaled.
double clip_by_norm(const std::vector<NamedTensor>& parameters, double max_norm);

/// The first parameter whose gradient holds NaN or infinity.
std::optional<std::string> first_non_finite(const std::vector<NamedTensor>& parameters);

/// Throws DivergedError, which names the step and the first bad parameter, unless the loss and all gradients are
/// finite.
void require_finite(double loss, const std::vector<NamedTensor>& parameters, std::int64_t step);

}  // namespace keel
