// What keel tune prints.
#pragma once

#include <filesystem>
#include <string>

#include "engine/json.h"
#include "runs/energy/energy_meter.h"
#include "tune/search.h"

namespace keel::tune {

struct SearchText {
    Json object;
    std::string text;
};

/// Returns how a search ended. Throws InputError where no trial of a search that is not stopped has a score.
SearchText search_text(const SearchReport& report, const SearchFacts& facts, const std::filesystem::path& folder,
                       bool energy_estimated);

/// Returns "trial 7: 0.9312 after 3 epochs, 12 s; best 0.9500 of trial 3".
std::string outcome_text(const Job& job, const Outcome& outcome, const SearchFacts& facts);

}  // namespace keel::tune
