// DICOM data sets that Keel writes: elements with their representations, little endian (PS3.5, section 7), and the file
// around them (PS3.10, section 7).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/formats/dicom/elements.h"

namespace keel::dicom {

/// A data set, or an item of a sequence, that is put together in any order.
class DataSetWriter {
public:
    /// Sets an element of text; `vr` is of two letters. It is padded to an even length, a UID with a zero, the others
    /// with a blank. Throws UsageError for a value that its length field cannot say.
    DataSetWriter& text(Tag tag, const char* vr, std::string_view value);
    /// Set elements of numbers: US, SL and FL.
    DataSetWriter& u16(Tag tag, std::initializer_list<std::uint16_t> values);
    DataSetWriter& s32(Tag tag, std::initializer_list<std::int32_t> values);
    DataSetWriter& f32(Tag tag, std::span<const float> values);
    /// Sets bytes as they are, padded with a zero: OB, OW.
    DataSetWriter& bytes(Tag tag, const char* vr, std::span<const std::uint8_t> value);
    /// Sets a sequence (SQ) of whole data sets, which may be none.
    DataSetWriter& sequence(Tag tag, const std::vector<DataSetWriter>& items);

    /// Whether an element was set.
    bool has(Tag tag) const { return elements_.contains(tag); }
    /// Returns the elements in the order of their tags, explicit little endian.
    std::string encoded() const;

private:
    DataSetWriter& set(Tag tag, const char* vr, std::string value, char padding);
    std::map<Tag, std::string> elements_;  // each with its head
};

/// What the header of a file says beside the data set.
struct FileHead {
    std::string sop_class{}, sop_instance{};
    std::string syntax = "1.2.840.10008.1.2.1";  ///< explicit little endian
    std::string implementation{}, version{};     ///< a UID and a name of at most 16 letters
    std::string source{};                        ///< the application entity that it came from; empty: none
};

/// Returns the preamble, the mark and the header; the data set is to follow.
std::string encode_file_head(const FileHead& head);

/// Whether a text is a unique identifier (PS3.5, section 9): numbers with dots between them, at most 64 letters.
/// Numbers that begin with zeros, which the standard forbids, are let through: devices make such ones.
bool is_uid(std::string_view text);

/// Returns a text as an element of `longest` letters can hold it: printable ASCII, '?' for the rest, '/' for '\', which
/// divides values.
std::string element_text(const std::string& text, std::size_t longest);

}  // namespace keel::dicom
