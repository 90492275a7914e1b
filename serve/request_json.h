// The JSON of a request to infer, read as it comes: its tensors become floats, not documents, and what is left is
// small.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/json.h"

namespace keel::serve {

/// What "data" of an input holds: numbers or texts, flat, in their order.
struct TensorJson {
    std::vector<float> numbers{};
    bool whole = true;  ///< all numbers are whole
    std::vector<std::string> texts{};
    std::vector<std::size_t> lengths{};  ///< of the nested lists, from the outermost in
};

struct RequestJson {
    Json rest{};                                    ///< all but the data
    std::vector<std::optional<TensorJson>> data{};  ///< of each input, as far as the last that has some
};

/// Parses a request. Throws InputError for what is no JSON, for data whose lists are of different lengths or hold
/// anything but numbers or texts, for numbers beyond the range of floats, and where the rest is deeper or larger than a
/// request has reason to be.
RequestJson parse_request_json(std::string_view text);

}  // namespace keel::serve
