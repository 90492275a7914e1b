// The checkpoints of a run: last.safetensors, the one before it (previous.safetensors) and the best (best.safetensors).
#pragma once

#include <filesystem>
#include <functional>
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

    /// Makes the folder, and `state` the last checkpoint, and the best where it is, or where the file of a best that
    /// was saved before is gone. It is written beside the others and read back from the disk before they change:
    /// whenever this is cut off, last or previous is whole. Throws IoError, at once, without patience
    /// (engine/patience.h); then all are what they were, or only last is. `before_commit` is called once the new file
    /// is on the disk, before each of the others changes; what it throws keeps them from that.
    void save(const CheckpointState& state, bool best, const std::function<void()>& before_commit = {}) const;

    struct Found {
        std::filesystem::path file;
        CheckpointState state;
        std::vector<std::string>
            refused;  ///< messages about newer files, or those whose age nobody can tell, that did not verify
    };
    /// Returns the last if it verifies, else the newest (by steps) that does, none where there is none. Throws
    /// StorageError where the storage does not answer, for an older one would be work lost; where none of them verifies
    /// an error that names all: IoError if the system refuses one, else InputError.
    std::optional<Found> newest() const;

    /// Removes what a killed process left half-written, as far as the system lets it.
    void remove_leftovers() const;

private:
    std::filesystem::path folder_;
};

}  // namespace keel
