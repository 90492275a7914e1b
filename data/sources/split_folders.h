// Folders that are named after splits.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// Returns the split that the name of a folder, or a cell of a table, stands for, in any case and usual spelling:
/// "Train", "training_set", "VAL", "valid", "Validation", "Testing", ...
std::optional<Split> split_of_folder(std::string_view name);

/// The folders in a folder, by what they are named after.
struct SplitFolders {
    std::array<std::vector<std::string>, 3> names;  ///< of each split; those spelt train, val, valid, test come first
    std::vector<std::string> others;                ///< neither splits nor hidden (see is_hidden_name)

    const std::vector<std::string>& of(Split split) const { return names[static_cast<std::size_t>(split)]; }
    /// Whether the folder is divided into splits: one for training has folders in it, or there are splits alone.
    bool divided = false;
};

/// Throws IoError where the folder cannot be read.
SplitFolders find_split_folders(const std::string& path);

}  // namespace keel
