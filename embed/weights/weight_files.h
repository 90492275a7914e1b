// Files of weights of every kind: safetensors, what torch.save wrote, and either in several parts.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "engine/safetensors.h"

namespace keel {

struct WeightFile {
    TensorFile file{};
    std::string how{};    ///< they were found in it, for people: "of the key state_dict"; empty: they are all of it
    std::string below{};  ///< the key where it is none of the file's, but what names of tensors begin with
};

/// Reads what models are made of: a file, the index of several (embed/weights/shards.h), or several files, none of
/// which may be a checkpoint of Keel. `key` is of torch.save's files what lies under it (read_torch_file()), of all
/// files what names of tensors begin with. Throws InputError that names the file for two tensors of one name, for
/// tensors that an index lists and its files lack or the other way round, and what the readers do; IoError.
WeightFile read_weights(std::span<const std::filesystem::path> files, const std::string& key = {});

/// Returns the metadata of a checkpoint or another safetensors file, none of what is no safetensors file but weights
/// all the same. Throws as read_metadata() does.
std::map<std::string, std::string> read_weights_metadata(const std::filesystem::path& path);

}  // namespace keel
