// Whose images a table names, and in which view they were made.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace keel {

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
