// report.html: a run on one page.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace keel::report {

/// Writes RUN/report.html from what the run left in its folder, and returns its path. Throws UsageError if there is no
/// run, InputError for files that are malformed, IoError.
std::filesystem::path write_report(const std::filesystem::path& run);

/// One page with several runs side by side, each a color: curves, scores with their intervals, options that differ.
std::string comparison_page(const std::vector<std::filesystem::path>& runs);

}  // namespace keel::report
