// DICOMDIR: the index of the files of a medium (PS3.3, annex F; PS3.10, section 8).
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace keel {

struct DicomDirectory {
    std::vector<std::string> images{};   ///< paths of the files of image records, in the order of the records
    std::vector<std::string> missing{};  ///< image files that are not there, as the index names them
    std::size_t others = 0;              ///< records of files of other kinds: reports, presentation states, ...
};

/// Returns whether the path is that of a DICOMDIR: a file whose name begins so, in any case, and that is DICOM.
bool is_dicom_directory(const std::filesystem::path& path);

/// Reads the index. Its files lie below its folder; their names are compared without regard to case and version (";1"),
/// as media are copied in any of these forms. Throws InputError for a file that is damaged or no DICOMDIR, or names
/// files elsewhere; IoError where it cannot be read.
DicomDirectory read_dicom_directory(const std::filesystem::path& path);

}  // namespace keel
