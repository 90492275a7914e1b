// How a source without splits of its own divides its samples: by patient where it is known whose images they are, and
// so that every split shows the classes as often.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// Moves `fraction` of the items from one split to another. An item is a patient with all samples, or a sample of which
/// none is known; those of each class are divided by themselves, a patient counts for the class that most of its
/// samples show. Of a class with two items or more at least one goes and at least one stays. The choice depends on
/// names, patients and the seed alone, the order of the samples is kept. By the rule `old` (DatasetOptions::split_rule)
/// it is split_off(): samples of any class.
void divide(std::vector<Sample>& from, std::vector<Sample>& to, double fraction, const DatasetOptions& options);

/// Marks the samples of the patients that hold_out() chooses of those with a sample `among` the given ones, whatever
/// their labels; a sample that names no patient is one by itself.
std::vector<bool> hold_out_patients(const std::vector<Sample>& samples, const std::vector<bool>& among, double fraction,
                                    std::uint64_t seed);

/// Returns how divide() made a split, for DatasetContents::origins: "20 % of all, seed 0, by patient, of each class".
/// `samples` are those that were divided.
std::string divided_text(double fraction, const std::string& what, const std::vector<Sample>& samples,
                         const DatasetOptions& options);

/// Names the patients of samples by the pattern options.group_by, applied to their names (see NamePattern), and says
/// what came of it. A sample whose name does not match is without a patient. Nothing where there is no pattern. Throws
/// UsageError for a pattern that cannot be used, InputError where no name matches.
void name_patients(DatasetContents& contents, const DatasetOptions& options);

/// Says so where the names look as if they told patients ("person12_bacteria_34.jpeg") and splits were made without
/// regard to them.
std::vector<Remark> patient_hint(const std::vector<Sample>& samples);

}  // namespace keel
