// The folder of a search: a new one, or one to go on with.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tune/search_state.h"

namespace keel {
class RunLease;
}

namespace keel::tune {

struct SearchRequest {
    std::filesystem::path folder{};
    bool resume = false;                  ///< go on with a search that is there; one that is not is begun
    bool force = false;                   ///< begin anew: what is there of another search is removed
    std::optional<TrainConfig> config{};  ///< may be left out of a search that goes on
    std::filesystem::path space{};        ///< a file; the same
    std::string space_text{};             ///< what such a file would hold, in its place
    bool options_only = false;            ///< a space with parameters of a program's own is refused
    SearchPlan plan{};                    ///< of a search that goes on, fields that are as declared count for nothing
    Budget budget{};                      ///< the same: 0 leaves a limit as it was
    /// Sets what the plan does not say and the machines decide, before a search is begun; of one that goes on it must
    /// come to the same. None: nothing.
    std::function<void(SearchPlan&)> complete{};
};

struct OpenedSearch {
    std::shared_ptr<RunLease> lease;  ///< nobody else writes to the folder as long as it is held
    std::unique_ptr<SearchState> state;
    std::vector<std::string> remarks;  ///< sentences
};

/// Opens or makes it. Throws UsageError where another search is there, where one that goes on was asked for something
/// else than before, and for what cannot be searched; InputError for a damaged one, IoError.
OpenedSearch open_search(const SearchRequest& request);

}  // namespace keel::tune
