// What a variant of implicit GEMM keeps for a thread.
#pragma once

#include <cstddef>

#include "kernels/igemm/variants.h"
#include "kernels/variant_state.h"

namespace keel::kernels {

/// Memory of the thread's, open while the object lives.
class IgemmState {
public:
    explicit IgemmState(const IgemmVariant& variant) : kept_(variant, memory_) {}
    void* memory() { return memory_; }

private:
    alignas(64) std::byte memory_[kMostIgemmStateBytes];
    VariantState<IgemmVariant> kept_;
};

}  // namespace keel::kernels
