// Anybody's scores of images, as a CSV file.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace keel {

/// A row an image, in the file's order; no two have one name, there may be none.
struct ScoreTable {
    std::vector<std::string> names;
    std::vector<double> scores;  ///< {images, labels}, finite: probabilities or logits
};

/// Reads the column `Image Index` and for each of `wanted` the column `prob_LABEL` or `LABEL`, wherever they stand. A
/// column of another of the `known` labels is left out, and so are `true_LABEL` and `class`, which `keel train` writes;
/// any other is a mistake. Throws IoError if the file cannot be read, InputError that names file and line for all that
/// does not fit.
ScoreTable read_score_table(const std::string& path, std::span<const char* const> known,
                            const std::vector<std::string>& wanted);

}  // namespace keel
