// What a pack says of its samples beside their labels: attributes.csv in its folder, a row a sample in the order of the
// index. It stands beside the index so that packs stay readable to programs that know nothing of it.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel::pack {

inline constexpr const char* kAttributesName = "attributes.csv";

/// Returns the table: the column `name` and one for each attribute.
std::string attributes_csv(const std::vector<std::string>& attribute_names, const std::vector<const Sample*>& samples);

/// Fills in the attributes of a pack's samples; nothing where the folder has no such file. Throws InputError that names
/// file and line unless it has a row for each sample, with its name.
void read_attributes(const std::string& directory, DatasetContents& contents);

}  // namespace keel::pack
