// Labels of models as coded concepts (PS3.3, section 8).
#pragma once

#include <map>
#include <string>
#include <vector>

namespace keel::dicom_node {

struct Code {
    std::string value, scheme, meaning;

    bool operator==(const Code&) const = default;
};

/// Codes of this scheme are Keel's own: they name a label and define nothing.
inline constexpr const char* kOwnScheme = "99KEEL";

/// Codes of SNOMED CT (scheme SCT) and of DICOM (DCM) for labels of public sets of chest X-rays whose meaning has one,
/// and those that the operator brought.
class LabelCodes {
public:
    /// Those that Keel knows.
    LabelCodes();
    /// Adds the rows of a CSV file with the columns label, value, scheme and meaning, in place of what there was.
    /// Throws IoError or InputError that names file and line for a value or scheme of more than 16 letters, a meaning
    /// of more than 64, none at all, or letters beyond printable ASCII.
    void read(const std::string& file);

    /// Returns the code of a label; of one without a code of its own one of kOwnScheme. Capitals do not count, and '_'
    /// is a blank.
    Code find(const std::string& label) const;

private:
    std::map<std::string, Code> codes_;
};

}  // namespace keel::dicom_node
