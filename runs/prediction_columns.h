// The headings of a file of predictions (predictions_file.h), which tables of anybody's scores share.
#pragma once

#include <string_view>

namespace keel {

inline constexpr std::string_view kNameColumn = "Image Index", kProbabilityPrefix = "prob_", kTruthPrefix = "true_",
                                  kClassColumn = "class", kPatientColumn = "patient", kAttributePrefix = "attr_";

}  // namespace keel
