// A line of a search's file: one JSON object that ends in the XXH3-64 of what is before it.
#pragma once

#include <string>
#include <string_view>

#include "engine/json.h"
#include "tune/outcome.h"
#include "tune/planner.h"
#include "tune/search_state.h"

namespace keel::tune {

/// Returns the line of an object that is not empty, with its end.
std::string search_line(const Json& object);

/// The same of an object's text, which ends in a brace.
std::string hashed_line(std::string_view object);

/// Returns what a line, without its end, says. Throws InputError, without naming a file, where it is damaged.
Json read_search_line(std::string_view line);

// The facts as objects.
Json head_object(const SearchPlan& plan, const TrainConfig& config, const std::string& space_text);
Json budget_object(const Budget& budget);
Json spent_object(const Spent& spent);
Json trial_object(int trial, const Space& space, const Point& point);
Json outcome_object(const Job& job, const Outcome& outcome);

}  // namespace keel::tune
