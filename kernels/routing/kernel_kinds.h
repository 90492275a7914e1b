// Which variants kernels run on, by kind of kernel.
#pragma once

#include <vector>

#include "kernels/isa.h"

namespace keel::kernels {

/// A kind of kernel, e.g. "bf16 convolutions": the ISA of the variant that dispatch takes, and of the best one there
/// is.
struct KernelKind {
    const char* name;
    Isa isa, best;
};

/// Returns the kinds: convolutions of each type, and what else is done to maps of f32 and of bf16, element by element.
std::vector<KernelKind> kernel_kinds(const Isa& active);

}  // namespace keel::kernels
