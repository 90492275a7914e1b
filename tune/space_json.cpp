#include "tune/space_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/text.h"
#include "kernels/error.h"

namespace keel::tune {
namespace {

double read_value(const Parameter& parameter, const Json& json) {
    if (parameter.is_choice()) {
        const auto found = json.is_string() ? std::ranges::find(parameter.choices, json.get_ref<const std::string&>())
                                            : parameter.choices.end();
        if (found == parameter.choices.end())
            throw InputError(fmt::format("{} has no choice {}", parameter.key, excerpt(json_text(json))));
        return static_cast<double>(found - parameter.choices.begin());
    }
    const double value = json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (!may_have(parameter, value))
        throw InputError(fmt::format("{} may be {:g} to {:g}, not {}", parameter.key, parameter.low, parameter.high,
                                     excerpt(json_text(json))));
    return value;
}

}  // namespace

Json to_json(const Space& space, const Point& point) {
    Json json = Json::object();
    for (std::size_t i = 0; i < point.size(); ++i) {
        const Parameter& parameter = space.parameters[i];
        if (std::isnan(point[i])) continue;
        if (parameter.is_choice())
            json[parameter.key] = value_text(parameter, point[i]);
        else if (parameter.whole)
            json[parameter.key] = static_cast<std::int64_t>(point[i]);
        else
            json[parameter.key] = point[i];
    }
    return json;
}

Point read_point(const Space& space, const Json& json) {
    if (!json.is_object()) throw InputError("wanted an object of values");
    Point point(space.parameters.size(), std::numeric_limits<double>::quiet_NaN());
    for (const auto& [key, value] : json.items()) {
        const auto found = std::ranges::find(space.parameters, key, &Parameter::key);
        if (found == space.parameters.end())
            throw InputError(fmt::format("the space has no parameter '{}'", excerpt(key)));
        point[static_cast<std::size_t>(found - space.parameters.begin())] = read_value(*found, value);
    }
    if (!holds(space, point)) throw InputError("its values and the space's conditions do not go together");
    return point;
}

}  // namespace keel::tune
