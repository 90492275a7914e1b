// Anybody's scores of images, as a CSV file.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace keel {

/// A row an image, in the file's order; no two have one name, there may be none.
struct ScoreTable {
    std::vector<std::string> names{};
    std::vector<double> scores{};                ///< {images, labels}, finite: probabilities or logits
    std::vector<std::string> patients{};         ///< `patient`; empty where there is no such column
    std::vector<std::string> attribute_names{};  ///< of the columns `attr_NAME`
    std::vector<std::string> attributes{};       ///< {images, attribute_names}
    std::vector<std::string> left_out{};         ///< columns that say nothing that was asked for, and are no mistake
};

/// Reads the column `Image Index` and for each of `wanted` the column `prob_LABEL` or `LABEL`, wherever they stand;
/// columns are separated by commas, semicolons or tabs, and blanks, underscores and case of a heading do not count.
/// Numbers may have a plus sign and, where no comma separates the columns, a decimal comma. Left out are columns of
/// other `known` labels, `true_LABEL`, `class` and those without a name or of names like none of the known ones; a name
/// that is nearly one of them is a mistake. Throws IoError if the file cannot be read, InputError that names file and
/// line for all that does not fit.
ScoreTable read_score_table(const std::string& path, std::span<const char* const> known,
                            const std::vector<std::string>& wanted);

}  // namespace keel
