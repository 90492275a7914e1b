// Points of a space as JSON, as the files of a search have them.
#pragma once

#include "engine/json.h"
#include "tune/space.h"

namespace keel::tune {

/// Returns {"lr": 0.001, "optimizer": "adamw"}: the parameters that are there.
Json to_json(const Space& space, const Point& point);

/// Reads what to_json() made. Throws InputError, without naming a file, for what is no point of the space.
Point read_point(const Space& space, const Json& json);

}  // namespace keel::tune
