// What a data set holds, for people.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

struct SplitCounts {
    std::int64_t samples = 0;
    std::int64_t without_label = 0;       ///< Task::labels: samples known to have none ("No Finding"); else 0
    std::vector<std::int64_t> per_label;  ///< samples with each label, in the order of label_names()
    std::vector<std::int64_t> unknown;    ///< samples of which each label, or the class, is not known
    std::int64_t patients = 0;            ///< different ones, where the source says whose the images are
    std::int64_t unused = 0;  ///< samples of which nothing is known, no soft target either: losses and scores skip them
};

/// Returns the counts of each split, indexed by Split.
std::array<SplitCounts, 3> count_labels(const Dataset& dataset);

/// Returns what a split has, in a line: "train: 312 samples of 40 patients, by the official list".
std::string split_line(Split split, const SplitCounts& counts, const std::string& origin);

/// Returns what was found and used, a split_line() each, then what was not and why: the data set's own remarks, rows
/// without image, images without row or list, patients in several splits, labels that a split does not show or does not
/// know, and shares of splits in `options`, those that the set was opened with, that had no effect.
std::vector<Remark> describe(const Dataset& dataset, const DatasetOptions& options = {});

}  // namespace keel
