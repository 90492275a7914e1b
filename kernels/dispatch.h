// One list per kernel family is the only registry of its variants; dispatch, tests and benches expand it.
#pragma once

#include <cstddef>

#include "kernels/cpu.h"

namespace keel::kernels {

/// The first variant of a list (best ISA first, `scalar` last) that the active ISA includes.
/// A variant is a struct of function pointers whose first member is `Isa isa`.
template <class Variant, std::size_t N>
const Variant& select(const Variant* const (&variants)[N]) {
    const Isa active = active_isa();
    for (const Variant* variant : variants)
        if (variant->isa <= active) return *variant;
    return *variants[N - 1];
}

}  // namespace keel::kernels
