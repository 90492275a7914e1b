// The JSON of files that Keel writes and reads: an object keeps the order of its keys. Reading and writing are compiled
// once, in json.cpp, as they are most of what nlohmann's library costs to compile.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace keel {

using Json = nlohmann::ordered_json;

/// Returns what a text says. Throws Json::parse_error where it is no JSON.
Json parse_json(std::string_view text);
/// The same, but is_discarded() where it is no JSON.
Json try_parse_json(std::string_view text);

/// Returns a value with the keys of all objects in it in the order of their bytes, as files of models have them.
Json sorted(const Json& json);

/// Returns the text of a value, in one line or, of `indent` 0 and more, in lines that are indented by so many spaces a
/// level. Throws Json::type_error for a text within that is not UTF-8.
std::string json_text(const Json& json, int indent = -1);
/// The same, but what is not UTF-8 becomes U+FFFD.
std::string valid_json_text(const Json& json, int indent = -1);

}  // namespace keel

extern template class nlohmann::basic_json<nlohmann::ordered_map>;
