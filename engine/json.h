// The JSON of files that Keel writes: an object keeps the order of its keys.
#pragma once

#include <nlohmann/json.hpp>

namespace keel {

using Json = nlohmann::ordered_json;

}  // namespace keel
