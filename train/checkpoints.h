// The checkpoints of a run: last.safetensors, the one before it (previous.safetensors) and the best (best.safetensors).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint.h"

namespace keel {

/// The folder of a run's checkpoints; only one process writes to it (RunDirectory sees to that).
class Checkpoints {
public:
    explicit Checkpoints(std::filesystem::path folder) : folder_(std::move(folder)) {}

    std::filesystem::path last() const { return folder_ / "last.safetensors"; }
    std::filesystem::path previous() const { return folder_ / "previous.safetensors"; }
    std::filesystem::path best() const { return folder_ / "best.safetensors"; }

    /// Makes the folder, and `state` the last checkpoint, and the best where it is. It is written beside the others and
    /// read back from the disk before they change: whenever this is cut off, last or previous is whole. Throws IoError;
    /// then all are what they were, or only last is.
    void save(const CheckpointState& state, bool best) const;

    struct Found {
        std::filesystem::path file;
        CheckpointState state;
        std::vector<std::string>
            refused;  ///< messages about newer files, or those whose age nobody can tell, that did not verify
    };
    /// Returns the newest (by steps) that verifies, none where there is none. Throws InputError that names all where
    /// none of them verifies.
    std::optional<Found> newest() const;

    /// Removes what a killed process left half-written.
    void remove_leftovers() const;

private:
    std::filesystem::path folder_;
};

}  // namespace keel
