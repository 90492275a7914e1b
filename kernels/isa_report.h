// Why a processor's instruction sets are used or not, in words. Pure functions: what was read goes in.
#pragma once

#include <string>
#include <vector>

#include "kernels/cpu.h"

namespace keel {

/// Returns why a process cannot run an ISA, e.g. "the processor lacks amx_tile, amx_int8"; empty where it can.
/// `permission` counts only where the ISA has tiles and all else is there.
std::string why_unavailable(const Isa& isa, const Processor& processor, const TilePermission& permission);

/// Returns the names of the features that can be used but that `active` does not include.
std::vector<std::string> unused_features(const Isa& active, const Processor& processor);

/// Returns a sentence for each feature that somebody hides: registers are saved that no feature of CPUID's needs, the
/// reverse, parts of AMX without the others, or a model that is known for AMX or AVX512_BF16 has none. Hypervisors do
/// this, by an older model of a processor than the one below, and it costs speed.
std::vector<std::string> hidden_features(const Processor& processor);

}  // namespace keel
