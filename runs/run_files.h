// Which files a run's folder holds.
#pragma once

#include <filesystem>
#include <vector>

namespace keel {

/// Returns the files of a run, relative to its folder.
const std::vector<std::filesystem::path>& run_files();

/// True if `path` holds files of a run.
bool holds_run(const std::filesystem::path& path);

}  // namespace keel
