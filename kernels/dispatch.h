// One list per kernel family is the only registry of its variants; dispatch, tests and benches expand it.
#pragma once

#include <cstddef>

#include "kernels/cpu.h"

namespace keel::kernels {

/// Returns the first variant of a list (the best first, `scalar` last) whose features are all among those of `active`.
/// A variant is a struct of function pointers whose first member is `Isa isa`: the features it needs.
template <class Variant, std::size_t N>
constexpr const Variant& select(const Variant* const (&variants)[N], const Isa& active) {
    for (const Variant* variant : variants)
        if (active.includes(variant->isa)) return *variant;
    return *variants[N - 1];
}

/// Returns the first variant that the active ISA includes.
template <class Variant, std::size_t N>
const Variant& select(const Variant* const (&variants)[N]) {
    return select(variants, active_isa());
}

}  // namespace keel::kernels
