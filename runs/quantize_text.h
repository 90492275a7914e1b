// What quantization did to a model, for people and programs.
#pragma once

#include <cstdint>
#include <string>

#include "engine/json.h"
#include "graph/quantize/quantize.h"

namespace keel {

struct QuantizedFile {
    std::string path{};
    std::int64_t bytes = 0, fp32_bytes = 0;  ///< of the file, and of the weights that it was made of
    double keep_below = 0;                   ///< QuantizeOptions::keep_below
    double seconds = 0;                      ///< all of it took
};

/// Returns sizes, errors, layers and those left in fp32 as an object.
Json quantize_json(const QuantizeReport& report, const QuantizedFile& file);

/// Returns the same as a text, with the ten layers of the least signal to noise.
std::string quantize_text(const QuantizeReport& report, const QuantizedFile& file);

}  // namespace keel
