#include "data/formats/dicom/elements.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "kernels/error.h"

namespace keel::dicom {
namespace {

constexpr std::uint32_t kUndefined = 0xFFFFFFFF;
constexpr Tag kItem = 0xFFFEE000, kItemEnd = 0xFFFEE00D, kSequenceEnd = 0xFFFEE0DD;
constexpr std::size_t kMaxDepth = 64;  // the standard's own objects have less than ten sequences within one another

// Those with a length of 16 bits, and those with one of 32 behind two bytes that are reserved (PS3.5, table 7.1-1 and
// -2).
constexpr std::string_view kShortVrs = "AEASATCSDADSDTFLFDISLOLTPNSHSLSSSTTMUIULUS";
constexpr std::string_view kLongVrs = "OBODOFOLOVOWSQSVUCUNURUTUV";

bool among(std::string_view vrs, const std::uint8_t* letters) {
    for (std::size_t i = 0; i + 1 < vrs.size(); i += 2)
        if (letters[0] == static_cast<std::uint8_t>(vrs[i]) && letters[1] == static_cast<std::uint8_t>(vrs[i + 1]))
            return true;
    return false;
}

std::uint16_t read16(const std::uint8_t* p, bool big) {
    return static_cast<std::uint16_t>(big ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

std::uint32_t read32(const std::uint8_t* p, bool big) {
    const std::uint32_t a = read16(p, big), b = read16(p + 2, big);
    return big ? a << 16 | b : b << 16 | a;
}

/// What stands before a value.
struct Head {
    Tag tag;
    std::uint8_t vr[2];
    std::uint32_t length;
    std::size_t bytes;  // of the head itself
};

/// Reads the head at `at`. Letters that are no value representation are the length of an element written without one,
/// as some programs mix them; unknown capital letters are a newer one, whose length has 32 bits.
Head read_head(Bytes data, std::size_t at, Encoding encoding, const std::string& name) {
    const auto need = [&](std::size_t bytes) {
        if (data.size() - at < bytes) refuse(name, "truncated DICOM file");
    };
    need(8);
    const std::uint8_t* p = data.data() + at;
    Head head{Tag{read16(p, encoding.big_endian)} << 16 | read16(p + 2, encoding.big_endian), {0, 0}, 0, 8};
    const auto capital = [](std::uint8_t c) { return c >= 'A' && c <= 'Z'; };
    if (!encoding.explicit_vr || head.tag >> 16 == 0xFFFE || !capital(p[4]) || !capital(p[5])) {
        head.length = read32(p + 4, encoding.big_endian);
        return head;
    }
    std::memcpy(head.vr, p + 4, 2);
    if (among(kShortVrs, head.vr)) {
        head.length = read16(p + 6, encoding.big_endian);
        return head;
    }
    need(12);
    head.length = read32(p + 8, encoding.big_endian);
    head.bytes = 12;
    return head;
}

/// The encoding within an element of undefined length. One whose representation is unknown holds implicit little
/// endian (PS3.5, section 6.2.2).
Encoding encoding_within(const Head& head, Encoding encoding) {
    return head.vr[0] == 'U' && head.vr[1] == 'N' ? Encoding{false, false} : encoding;
}

std::size_t checked_end(Bytes data, std::size_t at, std::uint32_t length, const std::string& name) {
    if (length > data.size() - at) refuse(name, "truncated DICOM file");
    return at + length;
}

/// An open sequence or item, whose end is a delimiter.
struct Open {
    bool is_item;
    Encoding encoding;
};

/// Returns where the delimiter begins that closes what was opened before `at`. Without recursion: how deep a file goes
/// is up to the file.
std::size_t find_end(Bytes data, std::size_t at, Open first, const std::string& name) {
    std::vector<Open> open{first};
    for (;;) {
        const Open inner = open.back();
        const Head head = read_head(data, at, inner.encoding, name);
        if (head.tag == (inner.is_item ? kItemEnd : kSequenceEnd)) {
            open.pop_back();
            if (open.empty()) return at;
            at += head.bytes;
            continue;
        }
        if (!inner.is_item && head.tag != kItem) refuse(name, "a DICOM sequence holds something else than items");
        at += head.bytes;
        if (head.length == kUndefined) {
            if (open.size() >= kMaxDepth) refuse(name, "DICOM sequences lie too deep in one another");
            open.push_back({!inner.is_item, encoding_within(head, inner.encoding)});
        } else {
            at = checked_end(data, at, head.length, name);
        }
    }
}

}  // namespace

void refuse(const std::string& name, const std::string& what) { throw InputError("[decode] " + name + ": " + what); }

bool is_known_vr(const std::uint8_t* letters) { return among(kShortVrs, letters) || among(kLongVrs, letters); }

std::uint16_t Element::u16(std::size_t i) const { return read16(value.data() + 2 * i, encoding.big_endian); }

std::string Element::text() const {
    std::string_view all(reinterpret_cast<const char*>(value.data()), value.size());
    const auto blank = [](char c) { return c == ' ' || c == '\0'; };
    while (!all.empty() && blank(all.back())) all.remove_suffix(1);
    while (!all.empty() && blank(all.front())) all.remove_prefix(1);
    return std::string(all);
}

std::optional<double> Element::number(const std::string& name) const {
    if (is_vr("US") && count16() > 0) return u16(0);
    if (is_vr("SS") && count16() > 0) return static_cast<std::int16_t>(u16(0));
    std::string all = text();
    all = all.substr(0, all.find('\\'));
    all.erase(all.find_last_not_of(' ') + 1);
    if (!all.empty() && all.front() == '+') all.erase(0, 1);
    if (all.empty()) return std::nullopt;
    double result = 0;
    const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), result);
    if (error != std::errc() || end != all.data() + all.size() || !std::isfinite(result)) {
        refuse(name, fmt::format("the DICOM element ({:04x},{:04x}) wants a number", tag >> 16, tag & 0xFFFF));
    }
    return result;
}

ElementReader::ElementReader(Bytes data, Encoding encoding, const std::string& name)
    : data_(data), encoding_(encoding), name_(name) {}

bool ElementReader::next(Element& element) {
    if (at_ == data_.size()) return false;
    const Head head = read_head(data_, at_, encoding_, name_);
    element = {.tag = head.tag, .encoding = encoding_, .delimited = head.length == kUndefined};
    std::memcpy(element.vr, head.vr, 2);
    at_ += head.bytes;
    if (!element.delimited) {
        const std::size_t end = checked_end(data_, at_, head.length, name_);
        element.value = data_.subspan(at_, head.length);
        at_ = end;
        return true;
    }
    element.encoding = encoding_within(head, encoding_);
    const std::size_t end = find_end(data_, at_, {false, element.encoding}, name_);
    element.value = data_.subspan(at_, end - at_);
    at_ = end + 8;  // find_end has read the delimiter
    return true;
}

void for_items(const Element& sequence, const std::string& name, const std::function<void(Bytes)>& visit) {
    const Bytes data = sequence.value;
    for (std::size_t at = 0; at < data.size();) {
        const Head head = read_head(data, at, sequence.encoding, name);
        if (head.tag == kSequenceEnd) return;
        if (head.tag != kItem) refuse(name, "a DICOM sequence holds something else than items");
        at += head.bytes;
        const bool open = head.length == kUndefined;
        const std::size_t end =
            open ? find_end(data, at, {true, sequence.encoding}, name) : checked_end(data, at, head.length, name);
        visit(data.subspan(at, end - at));
        at = end + (open ? 8 : 0);
    }
}

}  // namespace keel::dicom
