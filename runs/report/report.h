// report.html: a run on one page.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "runs/run_directory.h"

namespace keel::report {

/// Writes RUN/report.html from what the run left in its folder, and returns its path. To show errors it opens the run's
/// data; what is said of them goes to `data`. Throws UsageError if there is no run, InputError for files that are
/// malformed, IoError.
std::filesystem::path write_report(const std::filesystem::path& run, std::vector<Remark>* data = nullptr);

/// Does so for a run that is over, or tells its log why not: it is done either way.
void try_report(RunDirectory& directory);

/// One page with several runs side by side, each a color: curves, scores with their intervals, what was used of the
/// data, options that differ.
std::string comparison_page(const std::vector<std::filesystem::path>& runs);

}  // namespace keel::report
