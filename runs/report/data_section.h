// What a run found, used and left out of its data (data.json), for reports.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "runs/report/run_data.h"

namespace keel::report {

/// A row a split: found, used, how it was made, what of it was left out and why; then what is said of all of the data,
/// and how many samples show each label. Of runs that did not record it, that they did not.
std::string data_html(const RunData& run);

/// A row a run: the samples that it used of each split, and how many warnings it had of its data.
std::vector<std::string> data_row(const RunData& run);
/// What these columns are called.
std::vector<std::string> data_columns();

/// Returns what is said of the data now and was not when the run began: they are others, or are read otherwise.
/// Nothing where the run did not record it.
std::vector<Remark> new_remarks(const RunData& run, const std::vector<Remark>& now);

}  // namespace keel::report
