#include "engine/image_reading.h"

#include <cmath>

#include "engine/json.h"
#include "engine/strict_json.h"
#include "kernels/error.h"

namespace keel {
namespace {

Json to_json(const ImageReading& reading) {
    return {{"bit_depth", reading.bit_depth}, {"rescale", reading.rescale}, {"keep_16_bits", reading.keep_16_bits},
            {"page", reading.page},           {"window", reading.window},   {"exif_rotation", reading.exif_rotation}};
}

void read_keys(const Json& json, ImageReading& reading) {
    const auto read = [&](const char* key, auto take) {
        if (const auto found = json.find(key); found != json.end()) take(*found);
    };
    read("bit_depth", [&](const Json& value) { reading.bit_depth = whole_number<int>(value); });
    read("rescale", [&](const Json& value) {
        for (const Json& each : value) reading.rescale.push_back(finite_float(each));
    });
    read("keep_16_bits", [&](const Json& value) { reading.keep_16_bits = value.get<bool>(); });
    read("page", [&](const Json& value) { reading.page = whole_number<int>(value); });
    read("window", [&](const Json& value) {
        for (const Json& each : value) reading.window.push_back(finite_float(each));
    });
    read("exif_rotation", [&](const Json& value) { reading.exif_rotation = value.get<bool>(); });
}

}  // namespace

void check_reading(const ImageReading& reading) {
    const auto want = [](bool good, const std::string& message) {
        if (!good) throw UsageError(message);
    };
    want(reading.bit_depth >= 0 && reading.bit_depth <= 16,
         "[config] bit_depth must be 0 to 16, not " + std::to_string(reading.bit_depth));
    const std::vector<float>& ends = reading.rescale;
    want(ends.empty() || (ends.size() == 2 && std::isfinite(ends[0]) && std::isfinite(ends[1]) && ends[0] < ends[1]),
         "[config] rescale wants two numbers, LOW,HIGH, the first the lower one");
    want(ends.empty() || reading.bit_depth == 0, "[config] rescale and bit_depth contradict each other: give one");
    want(reading.page >= 0, "[config] page must be at least 0, not " + std::to_string(reading.page));
    const std::vector<float>& window = reading.window;
    want(window.empty() || (window.size() == 2 && std::isfinite(window[0]) && window[1] >= 1 && window[1] < INFINITY),
         "[config] window wants two numbers, CENTER,WIDTH, the width at least 1");
}

std::string reading_differences(const ImageReading& is, const ImageReading& was) {
    const Json now = to_json(is), before = to_json(was);
    std::string text;
    for (const auto& [key, value] : now.items())
        if (value != before.at(key))
            text += (text.empty() ? "" : ", ") + key + " " + json_text(value) + " and not " + json_text(before.at(key));
    return text;
}

std::string reading_to_json(const ImageReading& reading) { return json_text(to_json(reading)); }

ImageReading reading_from_json(const std::string& text) {
    ImageReading reading;
    try {
        const Json json = parse_json(text);
        if (!json.is_object()) throw InputError("wanted an object");
        read_keys(json, reading);
        check_reading(reading);
    } catch (const std::exception& error) {
        throw InputError(std::string("how images are read is malformed: ") + error.what());
    }
    return reading;
}

}  // namespace keel
