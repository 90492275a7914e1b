// keel tune, but for its command line: a search of processes in a folder, from its opening to its results.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runs/energy/energy_meter.h"
#include "tune/open_search.h"
#include "tune/process_runner.h"
#include "tune/search_text.h"

namespace keel::tune {

struct SearchRun {
    SearchRequest request{};
    ProcessOptions processes{};  ///< metric and say are the search's
    EnergyOptions energy{.children = true};
    std::function<std::string()> should_stop{};  ///< see SearchObserver
    std::function<void(const std::string&)> tell{}, warn{};
    std::function<std::vector<std::string>()> notes{};  ///< to warn of, once the search is open
};

struct SearchResult {
    SearchReport report;
    SearchText text;
};

/// Runs it. Throws as open_search(), Search::run() and search_text() do.
SearchResult run_search(const SearchRun& run);

}  // namespace keel::tune
