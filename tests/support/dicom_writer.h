// Writes small DICOM files byte by byte (PS3.5, PS3.10), in each of the ways in which elements may be written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace keel::test {

class DicomWriter {
public:
    using Bytes = std::vector<std::uint8_t>;

    bool explicit_vr = true, big_endian = false;
    bool header = true;           ///< the preamble, its mark and group 2
    bool open_sequences = false;  ///< of undefined length, closed by delimiters
    std::string syntax = "1.2.840.10008.1.2.1";
    std::string media_class = "1.2.840.10008.5.1.4.1.1.1.1";  ///< digital X-ray

    void put(std::uint32_t tag, const char* vr, Bytes value) { elements_[tag] = {vr, std::move(value), false}; }
    void text(std::uint32_t tag, const char* vr, std::string value) {
        if (value.size() % 2 != 0) value += std::string_view(vr) == "UI" ? '\0' : ' ';
        put(tag, vr, Bytes(value.begin(), value.end()));
    }
    void words(std::uint32_t tag, const char* vr, const std::vector<int>& values) {
        Bytes bytes;
        for (const int value : values) append16(bytes, value, big_endian);
        put(tag, vr, bytes);
    }
    void word(std::uint32_t tag, int value, const char* vr = "US") { words(tag, vr, {value}); }
    void remove(std::uint32_t tag) { elements_.erase(tag); }

    /// A sequence of items, each written by a writer of the same settings.
    void sequence(std::uint32_t tag, const std::vector<const DicomWriter*>& items) {
        Bytes all;
        for (const DicomWriter* item : items) {
            const Bytes content = item->data_set();
            append_item(all, 0xE000, open_sequences ? 0xFFFFFFFF : static_cast<std::uint32_t>(content.size()));
            all.insert(all.end(), content.begin(), content.end());
            if (open_sequences) append_item(all, 0xE00D, 0);
        }
        if (open_sequences) append_item(all, 0xE0DD, 0);
        elements_[tag] = {"SQ", all, open_sequences};
    }

    /// Pixels in fragments behind an empty table of offsets.
    void encapsulate(const std::vector<Bytes>& fragments) {
        Bytes all;
        append_item(all, 0xE000, 0);
        for (Bytes fragment : fragments) {
            if (fragment.size() % 2 != 0) fragment.push_back(0);
            append_item(all, 0xE000, static_cast<std::uint32_t>(fragment.size()));
            all.insert(all.end(), fragment.begin(), fragment.end());
        }
        append_item(all, 0xE0DD, 0);
        elements_[0x7FE00010] = {"OB", all, true};
    }

    /// What an image of one grey sample a pixel has, in 16 bits each.
    void grey(int width, int height, int stored, bool is_signed = false, int allocated = 16) {
        text(0x00080016, "UI", media_class);
        word(0x00280002, 1);
        text(0x00280004, "CS", "MONOCHROME2");
        word(0x00280010, height);
        word(0x00280011, width);
        word(0x00280100, allocated);
        word(0x00280101, stored);
        word(0x00280102, stored - 1);
        word(0x00280103, is_signed ? 1 : 0);
    }
    void pixels(const std::vector<int>& values) { words(0x7FE00010, "OW", values); }

    /// The data set alone.
    Bytes data_set() const {
        Bytes bytes;
        for (const auto& [tag, element] : elements_) append(bytes, tag, element, explicit_vr, big_endian);
        return bytes;
    }

    /// The file; `body` in place of the data set, where it is deflated.
    Bytes file() const { return file(data_set()); }
    Bytes file(const Bytes& body) const {
        Bytes bytes;
        if (header) {
            bytes.assign(128, 0);
            for (const char c : {'D', 'I', 'C', 'M'}) bytes.push_back(static_cast<std::uint8_t>(c));
            const auto meta = [&](std::uint32_t tag, std::string uid) {
                if (uid.size() % 2 != 0) uid += '\0';
                append(bytes, tag, {"UI", Bytes(uid.begin(), uid.end()), false}, true, false);
            };
            meta(0x00020002, media_class);
            meta(0x00020010, syntax);
        }
        bytes.insert(bytes.end(), body.begin(), body.end());
        return bytes;
    }

private:
    struct Written {
        std::string vr;
        Bytes value;
        bool open = false;
    };

    static void append16(Bytes& to, int value, bool big) {
        const auto low = static_cast<std::uint8_t>(value), high = static_cast<std::uint8_t>(value >> 8);
        to.push_back(big ? high : low);
        to.push_back(big ? low : high);
    }
    static void append32(Bytes& to, std::uint32_t value, bool big) {
        append16(to, static_cast<int>(big ? value >> 16 : value & 0xFFFF), big);
        append16(to, static_cast<int>(big ? value & 0xFFFF : value >> 16), big);
    }
    void append_item(Bytes& to, int element, std::uint32_t length) const {
        append16(to, 0xFFFE, big_endian);
        append16(to, element, big_endian);
        append32(to, length, big_endian);
    }
    static void append(Bytes& to, std::uint32_t tag, const Written& element, bool explicit_vr, bool big) {
        append16(to, static_cast<int>(tag >> 16), big);
        append16(to, static_cast<int>(tag & 0xFFFF), big);
        const auto length = element.open ? 0xFFFFFFFF : static_cast<std::uint32_t>(element.value.size());
        const std::string_view long_vrs = "OB OW OF SQ UN UT ";
        if (explicit_vr) {
            to.insert(to.end(), element.vr.begin(), element.vr.end());
            const bool is_long = long_vrs.find(element.vr) != std::string_view::npos;
            if (is_long) append16(to, 0, big);
            is_long ? append32(to, length, big) : append16(to, static_cast<int>(length), big);
        } else {
            append32(to, length, big);
        }
        to.insert(to.end(), element.value.begin(), element.value.end());
    }

    std::map<std::uint32_t, Written> elements_{};
};

}  // namespace keel::test
