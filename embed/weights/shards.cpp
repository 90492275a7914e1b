#include "embed/weights/shards.h"

#include <set>

#include <fmt/core.h>

#include "engine/files.h"
#include "engine/json.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 24;  // of an index: 100,000 tensors

void require_plain_name(const std::string& name) {
    if (name.empty() || name == "." || name == ".." || name.find_first_of(std::string("/\\\0", 3)) != std::string::npos)
        throw InputError(fmt::format("the file '{}' is not one of the index's own folder", excerpt(name)));
}

/// Parses the text; of keys that come twice a parser keeps one without a word.
Json parsed_index(const std::string& text) {
    std::set<std::string> outer, tensors;
    std::string twice;
    bool in_map = false;
    const auto watch = [&](int depth, Json::parse_event_t event, const Json& parsed) {
        if (event != Json::parse_event_t::key) return true;
        const auto& key = parsed.get_ref<const std::string&>();
        if (depth == 1) in_map = key == "weight_map";
        if ((depth == 1 && !outer.insert(key).second) || (depth == 2 && in_map && !tensors.insert(key).second))
            twice = key;
        return true;
    };
    Json json = Json::parse(text, watch, false);
    if (!twice.empty()) throw InputError(fmt::format("the name {} comes twice", excerpt(twice)));
    return json;
}

ShardIndex parse(const std::string& text, const std::filesystem::path& folder) {
    const Json json = parsed_index(text);
    const auto map = json.is_object() ? json.find("weight_map") : json.end();
    if (json.is_discarded() || !json.is_object() || map == json.end() || !map->is_object() || map->empty())
        throw InputError("wanted an index of weights, a JSON object with a 'weight_map' of names and files");
    ShardIndex index;
    std::set<std::string> names;
    for (const auto& [tensor, file] : map->items()) {
        if (!file.is_string()) throw InputError(fmt::format("the file of tensor {} is no text", excerpt(tensor)));
        const auto name = file.get<std::string>();
        require_plain_name(name);
        index.file_of.emplace(tensor, name);
        names.insert(name);
    }
    for (const std::string& name : names) {
        const std::filesystem::path file = folder / name;
        std::error_code none;
        const auto status = std::filesystem::symlink_status(file, none);
        if (std::filesystem::is_symlink(status))
            throw InputError(
                fmt::format("the file '{}' is a link, which may lead anywhere; keel import takes the files themselves "
                            "one after the "
                            "other",
                            excerpt(name)));
        if (!std::filesystem::is_regular_file(status))
            throw InputError(fmt::format("the file '{}' is not there", excerpt(name)));
        index.files.push_back(file);
    }
    return index;
}

}  // namespace

bool is_shard_index(const std::filesystem::path& path) { return path.filename().string().ends_with(".index.json"); }

ShardIndex read_shard_index(const std::filesystem::path& path) {
    const std::string text = read_file(path, kMostBytes);
    try {
        return parse(text, path.parent_path());
    } catch (const InputError& error) {
        throw InputError(fmt::format("[shards] {}: {}", path.string(), error.what()));
    }
}

}  // namespace keel
