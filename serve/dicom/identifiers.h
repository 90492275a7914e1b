// Names that follow from other names: of the objects that an image is answered with, and of the files of the queue. Who
// answers the same image again by the same model makes the same names, so that an archive keeps one answer.
#pragma once

#include <string>
#include <string_view>

namespace keel::dicom_node {

/// Returns 32 hexadecimal digits that follow from a text: XXH3 twice. Different texts have different ones, unless
/// somebody looks for equals.
std::string token_of(std::string_view text);

/// Returns a UID that follows from a text: 2.25 and the decimal number of a UUID (PS3.5, B.2; RFC 9562, version 8).
std::string derived_uid(std::string_view text);

}  // namespace keel::dicom_node
