#include "engine/json.h"

#include <map>

template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace keel {

Json parse_json(std::string_view text) { return Json::parse(text); }

Json try_parse_json(std::string_view text) { return Json::parse(text, nullptr, false); }

Json sorted(const Json& json) {
    if (!json.is_structured()) return json;
    if (json.is_array()) {
        Json result = Json::array();
        for (const Json& item : json) result.push_back(sorted(item));
        return result;
    }
    std::map<std::string, Json> items;
    for (const auto& [key, value] : json.items()) items.emplace(key, sorted(value));
    return items;
}

std::string json_text(const Json& json, int indent) { return json.dump(indent); }

std::string valid_json_text(const Json& json, int indent) {
    return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace keel
