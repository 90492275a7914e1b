// What an answer takes over from the image that it is about: whom and which study it belongs to, and how it is shown.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "data/formats/dicom/file.h"

namespace keel::dicom_node {

/// Kinds of objects that a node takes (PS3.4, B.5).
inline constexpr const char* kComputedRadiography = "1.2.840.10008.5.1.4.1.1.1";
inline constexpr const char* kDigitalXRay = "1.2.840.10008.5.1.4.1.1.1.1";  ///< for presentation
inline constexpr const char* kSecondaryCapture = "1.2.840.10008.5.1.4.1.1.7";

struct SourceImage {
    std::string sop_class{}, sop_instance{}, study{}, series{};  ///< UIDs
    /// Of the patient and the study as they stand there, by tag: what is not there or is no value of its kind is
    /// empty.
    std::map<dicom::Tag, std::string> texts{};
    std::vector<dicom::Tag> left_out{};  ///< of these, those that held something else
    bool made_by_keel = false;           ///< an answer of Keel's own, that an archive sent round
    int rows = 0, columns = 0;
    bool inverted = false;   ///< its lowest value is shown white
    dicom::Window window{};  ///< as which values it is shown, behind the slope and the intercept
    double slope = 1, intercept = 0;
    bool by_table = false;  ///< a table stands in the place of slope and intercept

    const std::string& text(dicom::Tag tag) const { return texts.at(tag); }
};

/// The elements of patient and study that answers take over, with their representations.
extern const std::map<dicom::Tag, const char*> kTakenOver;
inline constexpr dicom::Tag kPatientOrientation = 0x00200020;  ///< one of them, which images alone have

/// Reads it from a file's bytes. Throws InputError that names `name`, and never shows a value, where the file is
/// damaged, holds no image, or does not say which study, series and instance it is.
SourceImage read_source(dicom::Bytes file, const std::string& name);

/// What the sender says of an object, to be compared with what the object says itself.
struct ClaimedObject {
    std::string sop_class{}, sop_instance{};
};
/// Throws InputError where they differ.
void check_claim(const SourceImage& source, const ClaimedObject& claim, const std::string& name);

}  // namespace keel::dicom_node
