// Models in several files, as HuggingFace's libraries write them: an index, NAME.index.json, says which tensor lies in
// which file beside it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace keel {

struct ShardIndex {
    std::map<std::string, std::string> file_of{};  ///< by the tensor's name
    std::vector<std::filesystem::path> files{};    ///< each once, in the order of their names
};

/// Returns whether a file is called as an index is: "model.safetensors.index.json".
bool is_shard_index(const std::filesystem::path& path);

/// Reads an index. Files must lie in its own folder and be no links, by names without a folder. Throws InputError that
/// names the index for what is none, for other names and for files that are not there; IoError.
ShardIndex read_shard_index(const std::filesystem::path& path);

}  // namespace keel
