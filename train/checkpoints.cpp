#include "train/checkpoints.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <system_error>
#include <utility>

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

void Checkpoints::save(const CheckpointState& state, bool best) const {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed)
        throw IoError(fmt::format("[checkpoint] cannot make the folder {}: {}", folder_.string(), failed.message()));
    AtomicFile file(last());
    save_checkpoint(file, state);
    file.sync();
    try {
        verified_metadata(file.temporary());
    } catch (const InputError& error) {
        throw IoError(fmt::format("[checkpoint] the disk does not give back what was written to it: {}", error.what()));
    }
    // The best goes first: cut off in between, the run repeats its last steps and gets the same best again. The other
    // way round it would take a best for saved that is not.
    if (best) link_file(file.temporary(), this->best());
    if (fs::exists(last())) link_file(last(), previous());
    file.commit();
}

std::optional<Checkpoints::Found> Checkpoints::newest() const {
    std::optional<Found> newest;
    std::int64_t newest_step = -1;
    std::vector<std::string> refused;
    for (const fs::path& file : {last(), previous(), best()}) {
        if (!fs::exists(file)) continue;
        try {
            const std::int64_t step = read_trainer_state(verified_metadata(file).metadata, file.string()).step;
            if (step <= newest_step) continue;
            newest = Found{file, load_checkpoint(file), {}};
            newest_step = step;
        } catch (const InputError& error) {
            refused.emplace_back(error.what());
        } catch (const IoError& error) {
            refused.emplace_back(error.what());
        }
    }
    if (newest) newest->refused = std::move(refused);
    if (!newest && !refused.empty())
        throw InputError(
            fmt::format("[run] {} holds no checkpoint that verifies: {}", folder_.string(), fmt::join(refused, "; ")));
    return newest;
}

void Checkpoints::remove_leftovers() const {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error))
        if (is_temporary_name(entry.path())) fs::remove(entry.path(), error);
}

}  // namespace keel
