#include "embed/weights/weight_files.h"

#include <set>
#include <utility>

#include <fmt/core.h>

#include "embed/weights/shards.h"
#include "embed/weights/torch_file.h"
#include "engine/checkpoint.h"
#include "engine/optimizer.h"
#include "graph/onnx/file.h"
#include "kernels/error.h"

namespace keel {
namespace {

WeightFile read_one(const std::filesystem::path& path, const std::string& key) {
    if (!is_torch_file(path))
        return {read_safetensors(path, [](const std::string& name) { return !is_optimizer_state(name); }), "", key};
    TorchFile file = read_torch_file(path, key);
    WeightFile result{{{}, std::move(file.tensors)}, "", file.key_is_of_names ? key : ""};
    if (!file.taken_from.empty()) result.how = "of the key " + file.taken_from;
    for (const std::string& other : file.other) result.how += fmt::format(" and not {}", other);
    return result;
}

/// Adds the tensors of a part to those of the others.
void add(const std::filesystem::path& path, WeightFile part, WeightFile& all, std::set<std::string>& seen) {
    if (is_checkpoint(part.file))
        throw InputError(fmt::format("[weights] {} is a checkpoint of Keel, not a part of a model", path.string()));
    for (NamedTensor& entry : part.file.tensors) {
        if (!seen.insert(entry.name).second)
            throw InputError(
                fmt::format("[weights] {}: tensor {} is in a file before it as well", path.string(), entry.name));
        all.file.tensors.push_back(std::move(entry));
    }
    all.below = part.below;
    if (all.how.empty()) all.how = part.how;
}

WeightFile read_parts(std::span<const std::filesystem::path> files, const std::string& key) {
    WeightFile all;
    std::set<std::string> seen;
    for (const auto& path : files) add(path, read_one(path, key), all, seen);
    all.how = fmt::format("{}{} files", all.how.empty() ? "" : all.how + ", ", files.size());
    return all;
}

/// Holds the files of an index to what it says.
WeightFile read_indexed(const std::filesystem::path& path, const std::string& key) {
    const ShardIndex index = read_shard_index(path);
    WeightFile all;
    std::set<std::string> seen;
    for (const auto& file : index.files) {
        WeightFile part = read_one(file, "");
        for (const NamedTensor& entry : part.file.tensors)
            if (const auto listed = index.file_of.find(entry.name);
                listed == index.file_of.end() || listed->second != file.filename().string())
                throw InputError(fmt::format(
                    "[shards] {}: {} holds tensor {}, which the index {}", path.string(), file.filename().string(),
                    entry.name, listed == index.file_of.end() ? "does not list" : "lists in " + listed->second));
        add(file, std::move(part), all, seen);
    }
    for (const auto& [name, file] : index.file_of)
        if (!seen.contains(name))
            throw InputError(fmt::format("[shards] {}: tensor {} is not in {}", path.string(), name, file));
    all.how = fmt::format("{} files", index.files.size());
    all.below = key;
    return all;
}

}  // namespace

WeightFile read_weights(std::span<const std::filesystem::path> files, const std::string& key) {
    if (files.size() > 1) return read_parts(files, key);
    if (files.empty()) throw UsageError("[weights] wanted a file");
    return is_shard_index(files.front()) ? read_indexed(files.front(), key) : read_one(files.front(), key);
}

std::map<std::string, std::string> read_weights_metadata(const std::filesystem::path& path) {
    if (is_shard_index(path) || is_torch_file(path) || onnx::is_onnx_file(path)) return {};
    return read_metadata(path);
}

}  // namespace keel
