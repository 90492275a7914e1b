// Argument checks shared by the operators, and conversion.
#pragma once

#include <string>

#include "engine/tensor.h"

namespace keel::ops {

inline void require_rank(const char* who, const char* what, const Tensor& tensor, int rank) {
    if (!tensor || tensor.rank() != rank)
        throw UsageError(std::string("[") + who + "] " + what + " must have " + std::to_string(rank) + " dims, got " +
                         (tensor ? tensor.dims().text() : "none"));
}

inline void require_dims(const char* who, const char* what, const Tensor& tensor, const Dims& wanted) {
    if (!tensor || tensor.dims() != wanted)
        throw UsageError(std::string("[") + who + "] " + what + " must have dims " + wanted.text() + ", got " +
                         (tensor ? tensor.dims().text() : "none"));
}

inline void require_type(const char* who, const char* what, const Tensor& tensor, DType wanted) {
    if (tensor.dtype() != wanted)
        throw UsageError(std::string("[") + who + "] " + what + " must be " + std::string(name(wanted)) + ", got " +
                         std::string(name(tensor.dtype())));
}

/// Returns the map in another type, outside the graph, with what its maker took along of its channels.
Tensor converted(const Tensor& map, DType type);

}  // namespace keel::ops
