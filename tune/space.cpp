#include "tune/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "train/config_file.h"

namespace keel::tune {

bool may_have(const Parameter& parameter, double value) {
    if (parameter.is_choice())
        return value >= 0 && value < static_cast<double>(parameter.choices.size()) && value == std::floor(value);
    return value >= parameter.low && value <= parameter.high && (!parameter.whole || value == std::floor(value));
}

bool is_active(const Space& space, const Point& point, std::size_t index) {
    return std::ranges::all_of(space.parameters[index].when, [&](const Condition& condition) {
        return std::ranges::any_of(
            condition.values, [&](std::size_t value) { return point[condition.parent] == static_cast<double>(value); });
    });
}

bool holds(const Space& space, const Point& point) {
    if (point.size() != space.parameters.size()) return false;
    for (std::size_t i = 0; i < point.size(); ++i) {
        if (is_active(space, point, i) == std::isnan(point[i])) return false;
        if (!std::isnan(point[i]) && !may_have(space.parameters[i], point[i])) return false;
    }
    return true;
}

bool same(const Point& a, const Point& b) {
    return std::ranges::equal(a, b, [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

std::string value_text(const Parameter& parameter, double value) {
    if (std::isnan(value)) return "";
    if (parameter.is_choice()) return parameter.choices[static_cast<std::size_t>(value)];
    return parameter.whole ? fmt::format("{}", static_cast<std::int64_t>(value)) : fmt::format("{}", value);
}

std::map<std::string, std::string> value_texts(const Space& space, const Point& point) {
    std::map<std::string, std::string> texts;
    for (std::size_t i = 0; i < point.size(); ++i)
        if (!std::isnan(point[i])) texts.emplace(space.parameters[i].key, value_text(space.parameters[i], point[i]));
    return texts;
}

void apply(const Space& space, const Point& point, TrainConfig& config) {
    for (std::size_t i = 0; i < point.size(); ++i)
        if (!std::isnan(point[i]) && !space.parameters[i].own)
            apply_text(config, space.parameters[i].key, value_text(space.parameters[i], point[i]), "a trial");
}

}  // namespace keel::tune
