// Which DICOM files are of the same patient, so that no patient is trained on and tested.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// Returns for each file a text that files of the same patient share, and no others do: the file's own name in `names`
/// of the first of them. It is empty for files that are no DICOM or do not say whose they are. The patient's number
/// itself is compared by a keyed hash and goes nowhere: a group can be printed, packed and hashed into a split.
///
/// Reads the beginning of each file, up to the number. A file that cannot be read has no group.
std::vector<std::string> dicom_patient_groups(std::span<const std::string> files, std::span<const std::string> names);

/// Gives the samples of all splits, which are files, their group as patient, where they have no patient yet.
void group_by_dicom_patient(std::span<std::vector<Sample>> splits);

}  // namespace keel
