#include "data/formats/dicom/writer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/error.h"

namespace keel::dicom {
namespace {

template <class T>
void append(std::string& dst, T value) {
    static_assert(std::endian::native == std::endian::little);
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    dst.append(raw, sizeof raw);
}

void append_tag(std::string& dst, Tag tag) {
    append(dst, static_cast<std::uint16_t>(tag >> 16));
    append(dst, static_cast<std::uint16_t>(tag & 0xFFFF));
}

/// Whether the length of such a value has 32 bits (PS3.5, table 7.1-1).
bool has_long_length(std::string_view vr) {
    for (const char* one : {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
        if (vr == one) return true;
    return false;
}

template <class T, class Values>
std::string packed(const Values& values) {
    std::string result;
    for (const T value : values) append(result, value);
    return result;
}

}  // namespace

DataSetWriter& DataSetWriter::set(Tag tag, const char* vr, std::string value, char padding) {
    if (value.size() % 2 != 0) value += padding;
    std::string& element = elements_[tag];
    element.clear();
    append_tag(element, tag);
    element.append(vr, 2);
    const bool is_long = has_long_length(vr);
    if (value.size() > (is_long ? 0xFFFFFFFEU : 0xFFFEU))
        throw UsageError("[dicom] a value of " + std::to_string(value.size()) + " bytes is too long for " + vr);
    if (is_long) {
        append(element, std::uint16_t{0});
        append(element, static_cast<std::uint32_t>(value.size()));
    } else {
        append(element, static_cast<std::uint16_t>(value.size()));
    }
    element += value;
    return *this;
}

DataSetWriter& DataSetWriter::text(Tag tag, const char* vr, std::string_view value) {
    return set(tag, vr, std::string(value), std::string_view(vr) == "UI" ? '\0' : ' ');
}

DataSetWriter& DataSetWriter::u16(Tag tag, std::initializer_list<std::uint16_t> values) {
    return set(tag, "US", packed<std::uint16_t>(values), '\0');
}

DataSetWriter& DataSetWriter::s32(Tag tag, std::initializer_list<std::int32_t> values) {
    return set(tag, "SL", packed<std::int32_t>(values), '\0');
}

DataSetWriter& DataSetWriter::f32(Tag tag, std::span<const float> values) {
    return set(tag, "FL", packed<float>(values), '\0');
}

DataSetWriter& DataSetWriter::bytes(Tag tag, const char* vr, std::span<const std::uint8_t> value) {
    return set(tag, vr, std::string(value.begin(), value.end()), '\0');
}

DataSetWriter& DataSetWriter::sequence(Tag tag, const std::vector<DataSetWriter>& items) {
    std::string value;
    for (const DataSetWriter& item : items) {
        const std::string content = item.encoded();
        append_tag(value, 0xFFFEE000);
        append(value, static_cast<std::uint32_t>(content.size()));
        value += content;
    }
    return set(tag, "SQ", std::move(value), '\0');
}

std::string DataSetWriter::encoded() const {
    std::string all;
    for (const auto& [tag, element] : elements_) all += element;
    return all;
}

std::string encode_file_head(const FileHead& head) {
    DataSetWriter meta;
    const std::uint8_t version[] = {0, 1};
    meta.bytes(0x00020001, "OB", version)
        .text(0x00020002, "UI", head.sop_class)
        .text(0x00020003, "UI", head.sop_instance)
        .text(0x00020010, "UI", head.syntax)
        .text(0x00020012, "UI", head.implementation)
        .text(0x00020013, "SH", head.version);
    if (!head.source.empty()) meta.text(0x00020016, "AE", head.source);
    const std::string elements = meta.encoded();
    std::string file(128, '\0');
    file += "DICM";
    append_tag(file, 0x00020000);
    file += "UL";
    append(file, std::uint16_t{4});
    append(file, static_cast<std::uint32_t>(elements.size()));
    return file + elements;
}

bool is_uid(std::string_view text) {
    if (text.empty() || text.size() > 64) return false;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t dot = std::min(text.find('.', begin), text.size());
        const std::string_view part = text.substr(begin, dot - begin);
        if (part.empty() || part.find_first_not_of("0123456789") != part.npos) return false;
        begin = dot + 1;
    }
    return true;
}

std::string element_text(const std::string& text, std::size_t longest) {
    std::string result = text.substr(0, longest);
    for (char& c : result) {
        if (c == '\\') c = '/';
        if (c < ' ' || c > '~') c = '?';
    }
    return result;
}

}  // namespace keel::dicom
