// Checkpoints: one safetensors file with the model's parameters and buffers under their names, the optimizer's and the
// EMA's tensors with prefixes (see Optimizer::state, Ema::state), and what else a reader needs in the metadata.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/safetensors.h"

namespace keel {

using CheckpointState = TensorFile;

/// Writes state with the format version added; see write_safetensors.
void save_checkpoint(const std::filesystem::path& path, const CheckpointState& state);
/// Writes the checkpoint and leaves the commit to the caller.
void save_checkpoint(AtomicFile& output, const CheckpointState& state);
/// Reads a file of save_checkpoint. Throws InputError, naming the file, if it is damaged, no checkpoint of Keel, or of
/// a newer format. `wanted` as in read_safetensors.
CheckpointState load_checkpoint(const std::filesystem::path& path,
                                const std::function<bool(const std::string&)>& wanted = {});

/// Returns what load_checkpoint() does of a file that was read from `path`.
CheckpointState checked_checkpoint(TensorFile file, const std::filesystem::path& path);
/// Whether a file says that it is a checkpoint of Keel.
bool is_checkpoint(const TensorFile& file);

/// Whether a tensor of this name is one of a model: not of an optimizer, an average or batch norm's count of batches.
bool belongs_to_model(const std::string& name);

/// Whether a tensor is of a layer as models have them: weights of two dims and more, or batch norm's statistics.
/// Thresholds, weights of losses and counts of metrics are not.
bool is_layer(const NamedTensor& entry);

struct LoadOptions {
    /// Tensors below these prefixes ("classifier.", "fc.") may be missing, left over or of other dims; they are skipped
    /// then.
    std::vector<std::string> skippable{};
    /// Tensors may be left over that are of no layer and whose names begin with no part of the model ("op_threshs");
    /// they are skipped.
    bool skip_foreign = false;
    /// The state takes over the tensors' memory where their type is right, without a copy (Tensor::share): for tensors
    /// that nobody writes to afterwards.
    bool share = false;
};

/// Copies (or shares) `tensors` into a module's state (`module.state()`). Left out of account: optimizer and EMA state,
/// variables of losses ("loss.") and batch norms' num_batches_tracked. Floating-point types are converted. Throws
/// InputError, which names `source` and lists what is missing, left over or of other dims (ten names of each at most),
/// or names a tensor that holds NaN, infinity or a variance below 0, before anything is copied. Returns the names that
/// were skipped.
std::vector<std::string> load_into(const std::vector<NamedTensor>& state, const std::vector<NamedTensor>& tensors,
                                   const std::string& source, const LoadOptions& options = {});

}  // namespace keel
