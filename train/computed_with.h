// What decides the last bits of a run's weights beside its configuration: instruction sets, threads, chosen kernels.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "distributed/world.h"
#include "engine/precision.h"
#include "kernels/cpu.h"
#include "train/train_config.h"
#include "train/trainer_state.h"

namespace keel {

/// Returns what this process computes with now, in steps of that precision.
ComputedWith computed_with_now(Precision precision);

/// Returns what of it is other than it was, as sentences: why a run that goes on will not have the weights, to the bit,
/// that it would have had. `fixed_sums`: threads make no difference. What is not known is not told. A pure function.
std::vector<std::string> computing_changes(const ComputedWith& then, const ComputedWith& now, bool fixed_sums);

/// Throws UsageError for what --reproducible cannot be true with: kernels that are chosen by their times.
void require_reproducible(const TrainConfig& config);

/// Returns the widest ISA whose features all of them have. A pure function.
Isa common_isa(std::span<const Features> ranks);

/// The instruction set that all ranks compute with during the lifetime of the object: updates of weights that are
/// rounded otherwise on one of them would drive the ranks apart.
class CommonIsa {
public:
    /// All ranks make it together. Throws UsageError, on all of them, where they differ and a run is to be
    /// reproducible: oneDNN keeps the instruction set that a process began with.
    CommonIsa(World& world, bool reproducible);

    /// Returns what there is to say of it; empty: all ranks had the same.
    const std::string& note() const { return note_; }

private:
    std::optional<IsaScope> scope_;
    std::string note_;
};

}  // namespace keel
