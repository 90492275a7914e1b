// Numbers of JSON documents from outside. nlohmann's own get() converts whatever it finds: fractions to integers, and
// numbers that the type cannot hold, which is undefined for floating-point ones.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "engine/json.h"
#include "kernels/error.h"

namespace keel {

/// A whole number of type T. Throws InputError, without naming a file, for anything else.
template <class T>
T whole_number(const Json& json) {
    if (json.is_number_unsigned()) {
        const auto value = json.get<std::uint64_t>();
        if (std::in_range<T>(value)) return static_cast<T>(value);
    } else if (json.is_number_integer()) {
        const auto value = json.get<std::int64_t>();
        if (std::in_range<T>(value)) return static_cast<T>(value);
    }
    throw InputError("wanted a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                     std::to_string(std::numeric_limits<T>::max()) + ", got " +
                     std::string(json.is_number() ? json_text(json) : json.type_name()));
}

/// A finite number. Throws as above.
inline float finite_float(const Json& json) {
    const double value = json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (std::abs(value) <= double{std::numeric_limits<float>::max()}) return static_cast<float>(value);
    throw InputError("wanted a number, got " + std::string(json.is_number() ? json_text(json) : json.type_name()));
}

}  // namespace keel
