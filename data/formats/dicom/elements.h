// The elements of a DICOM data set (PS3.5, section 7), read where they lie: nothing is copied, no value that nobody
// asks for is looked at, and no length is believed before it has been compared with the bytes that are there.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace keel::dicom {

using Bytes = std::span<const std::uint8_t>;

/// Group and element of a tag in one number: (0028,0010) is 0x00280010.
using Tag = std::uint32_t;

struct Encoding {
    bool explicit_vr = true;
    bool big_endian = false;
};

struct Element {
    Tag tag = 0;
    char vr[2] = {0, 0};     ///< zeros where it is implicit
    Encoding encoding{};     ///< of the items within, if it is a sequence
    bool delimited = false;  ///< of undefined length, as sequences and encapsulated pixels may be
    Bytes value{};

    bool is_vr(const char* name) const { return vr[0] == name[0] && vr[1] == name[1]; }
    /// Returns the number of whole values of 16 bits.
    std::size_t count16() const { return value.size() / 2; }
    /// Returns value number `i` of 16 bits, `i` below count16().
    std::uint16_t u16(std::size_t i) const;
    /// Returns the first value of a text of numbers (DS, IS), or of a binary one of 16 bits; nothing where it is empty.
    /// Throws InputError, which never shows what the text was, where it is no finite number.
    std::optional<double> number(const std::string& name) const;
    /// Returns the text without the blanks and zeros around it.
    std::string text() const;
};

/// Reads elements one after another from `data`. Sequences are passed over as a whole.
class ElementReader {
public:
    /// `name` begins messages.
    ElementReader(Bytes data, Encoding encoding, const std::string& name);

    /// Reads the next element; false at the end. Throws InputError where an element reaches beyond the data, or
    /// sequences lie deeper in one another than any file has them.
    bool next(Element& element);
    /// Where the next element begins.
    std::size_t position() const { return at_; }

private:
    Bytes data_;
    Encoding encoding_;
    const std::string& name_;
    std::size_t at_ = 0;
};

/// Calls visit(content) for each item of a sequence, or for each fragment of encapsulated pixels. Throws InputError as
/// ElementReader does.
void for_items(const Element& sequence, const std::string& name, const std::function<void(Bytes)>& visit);

/// Whether two letters name a value representation.
bool is_known_vr(const std::uint8_t* letters);

/// Throws InputError "[decode] NAME: WHAT".
[[noreturn]] void refuse(const std::string& name, const std::string& what);

}  // namespace keel::dicom
