// What a pack keeps of samples that its index has no place for: weights, and targets of labels that are not known.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

inline constexpr const char* kTargetsName = "targets.csv";

/// Returns the table: a row a sample that has a weight other than 1 or soft targets, by its number in the pack: the
/// number, the weight, a column a label. Empty where no sample has. Numbers are written so that they are read back to
/// the bit. Its last line is the XXH3-64 of what is before it.
std::string targets_csv(const std::vector<std::string>& labels, const std::vector<const Sample*>& samples);

/// Gives the samples of a pack in `folder` what its table says. Throws InputError that names the file for one that is
/// not there, does not fit the samples or is damaged, IoError.
void read_targets(const std::string& folder, DatasetContents& contents);

}  // namespace keel
