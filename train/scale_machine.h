// The machine that keel scale speaks of, as a file of TOML says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "distributed/planning/failure_model.h"
#include "distributed/planning/scale_model.h"

namespace keel {

/// Numbers of the cluster meant; the defaults are those of a node with a 100 Gbit/s network.
struct ScaleMachine {
    std::string name = "a cluster of 100 Gbit/s";
    int ranks_per_node = 2;
    CostModel costs{.alpha = 2e-6, .beta = 8 / 100e9, .gamma = 2e-10};
    double images_per_second = 0;  ///< that a rank trains alone, in f32; 0: as measured here
    double bf16_speedup = 0;       ///< of a step's compute by bfloat16; 0: not known
    std::string
        processor;      ///< of two sockets a node, whose speed is modelled (train/modelled_speed.h); empty: measured
    double stolen = 0;  ///< ScaleOptions::stolen
    double input_images_per_second = 0;  ///< that a node's loaders read and decode; 0: as many as are wanted
    FailureModel failures;
};

/// What counts more than a machine's file says, where there is something.
struct MachineChanges {
    std::optional<std::uint64_t> ranks_per_node;
    std::optional<double> gbits, latency_us, add_ns, stolen, images_per_second;
    std::string processor;  ///< empty: nothing
};
void apply_changes(ScaleMachine& machine, const MachineChanges& changes);

/// Sets what a TOML text says: the keys of docs/clusters.md. `origin` (a file's name) is how messages call it. Throws
/// InputError for a text that is no TOML, for a key or table that is not known, and for a value of another kind or out
/// of its range.
void apply_machine(ScaleMachine& machine, std::string_view text, const std::string& origin);

}  // namespace keel
