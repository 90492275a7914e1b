// How samples are divided among splits, so that no patient is in two of them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

/// Marks the samples of the patients that hold_out() chooses of those with a sample `among` the given ones; a sample
/// that names no patient is one by itself.
std::vector<bool> hold_out_patients(const std::vector<Sample>& samples, const std::vector<bool>& among, double fraction,
                                    std::uint64_t seed);

/// Patients as a table writes their numbers, each by one name (patient_name).
class PatientNames {
public:
    /// Returns the name of the patient that is written so.
    std::string of(const std::string& written);
    /// Says which patients were written in several ways.
    void say(std::vector<Remark>& remarks) const;

private:
    std::map<std::string, std::set<std::string>> written_;
};

/// Leaves out the samples whose view is not `wanted` (view_wanted), after they were divided: so the same patients are
/// held out whatever the view. Empty: keeps all. Says what it did; throws InputError if nothing is left, UsageError if
/// the data says no views.
void keep_views(DatasetContents& contents, const std::string& wanted, const std::string& who);

}  // namespace keel
