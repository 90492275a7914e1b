// Whose image a DICOM file is.
#pragma once

#include <string>

namespace keel::dicom {

/// Returns the Patient ID of a file, together with who issued it; empty where it is no DICOM file, cannot be read or
/// does not say. Reads the file's beginning, up to these elements. For comparing files alone: what it returns must not
/// be shown, stored or sent.
std::string patient_of(const std::string& path);

}  // namespace keel::dicom
