#include "train/checkpoints.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

#include "engine/paths.h"
#include "engine/patience.h"
#include "kernels/error.h"
#include "train/trainer_state.h"

namespace keel {
namespace fs = std::filesystem;

namespace {

/// Hashes all of a file and reads its metadata. Throws InputError where it does not verify.
CheckpointState verified_metadata(const fs::path& file) {
    CheckpointState state = load_checkpoint(file, [](const std::string&) { return false; });
    if (!state.metadata.contains(kHeaderHashKey))
        throw InputError(
            fmt::format("[checkpoint] {}: the header is damaged, or another program's: it has no hash", file.string()));
    return state;
}

}  // namespace

void Checkpoints::save(const CheckpointState& state, bool best, const std::function<void()>& before_commit) const {
    const PatienceScope at_once(0);  // the run goes on, and saves again later
    make_folders(folder_);
    AtomicFile file(last());
    save_checkpoint(file, state);
    file.sync();
    try {
        verified_metadata(file.temporary());
    } catch (const InputError& error) {
        throw IoError(fmt::format("[checkpoint] the disk does not give back what was written to it: {}", error.what()));
    }
    const auto may_replace = [&](const fs::path& target) {
        if (before_commit) before_commit();
        return target;
    };
    // The best goes first: cut off in between, the run repeats its last steps and gets the same best again. The other
    // way round it would take a best for saved that is not.
    const bool best_is_gone = state.metadata.contains("keel.best_metric") && !is_taken(this->best());
    if (best || best_is_gone) link_file(file.temporary(), may_replace(this->best()));
    if (is_taken(last())) link_file(last(), may_replace(previous()));
    may_replace(last());
    file.commit();
}

std::optional<Checkpoints::Found> Checkpoints::newest() const {
    std::optional<Found> newest;
    std::int64_t newest_step = -1;
    std::vector<std::string> refused;
    bool by_system = false;
    for (const fs::path& file : {last(), previous(), best()}) {
        if (newest && newest->file == last()) break;  // others may be of steps that a run went back behind
        if (!is_taken(file)) continue;
        try {
            const std::int64_t step = read_trainer_state(verified_metadata(file).metadata, file.string()).step;
            if (step <= newest_step) continue;
            newest = Found{file, load_checkpoint(file), {}};
            newest_step = step;
        } catch (const InputError& error) {
            refused.emplace_back(error.what());
        } catch (const StorageError&) {
            throw;
        } catch (const IoError& error) {
            refused.emplace_back(error.what());
            by_system = true;
        }
    }
    if (newest) newest->refused = std::move(refused);
    if (newest || refused.empty()) return newest;
    const std::string message =
        fmt::format("[run] {} holds no checkpoint that verifies: {}", folder_.string(), fmt::join(refused, "; "));
    if (by_system) throw IoError(message);
    throw InputError(message);
}

void Checkpoints::remove_leftovers() const {
    try {
        for (const FolderEntry& entry : list_folder(folder_))
            if (is_temporary_name(entry.name)) remove_path(folder_ / entry.name);
    } catch (const IoError&) {
        return;  // the next start tries again
    }
}

}  // namespace keel
