#include "data/formats/text_file.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <isa-l/igzip_lib.h>

#include "data/formats/decode.h"
#include "kernels/error.h"

namespace keel {
namespace {

using Bytes = std::span<const std::uint8_t>;

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
    throw InputError(fmt::format("[text] {}: {}", path, what));
}

bool is_gzip(Bytes b) { return b.size() >= 2 && b[0] == 0x1F && b[1] == 0x8B; }

/// Unpacks all members of a gzip file (RFC 1952), one after another.
std::vector<std::uint8_t> gunzip(Bytes src, const std::string& path) {
    const auto state = std::make_unique<inflate_state>();
    isal_inflate_init(state.get());
    state->crc_flag = ISAL_GZIP;
    state->next_in = const_cast<std::uint8_t*>(src.data());
    state->avail_in = static_cast<std::uint32_t>(src.size());
    std::vector<std::uint8_t> chunk(std::size_t{1} << 16), dst;
    while (true) {
        state->next_out = chunk.data();
        state->avail_out = static_cast<std::uint32_t>(chunk.size());
        if (isal_inflate(state.get()) != ISAL_DECOMP_OK) refuse(path, "the gzip file is damaged");
        const std::size_t made = chunk.size() - state->avail_out;
        if (static_cast<std::int64_t>(dst.size() + made) > kMaxTextBytes)
            refuse(path, fmt::format("unpacks to more than {} bytes", kMaxTextBytes));
        dst.insert(dst.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(made));
        if (state->block_state == ISAL_BLOCK_FINISH) {
            if (!is_gzip({state->next_in, state->avail_in})) return dst;  // padding is no member
            isal_inflate_reset(state.get());
            state->crc_flag = ISAL_GZIP;
        } else if (made == 0 && state->avail_in == 0) {
            refuse(path, "the gzip file is truncated");
        }
    }
}

void append_utf8(std::string& text, std::uint32_t c) {
    const auto byte = [&](std::uint32_t value) { text += static_cast<char>(value); };
    const auto rest = [&](int shift) { byte(0x80U | (c >> shift & 0x3FU)); };
    if (c < 0x80) {
        byte(c);
    } else if (c < 0x800) {
        byte(0xC0U | c >> 6), rest(0);
    } else if (c < 0x10000) {
        byte(0xE0U | c >> 12), rest(6), rest(0);
    } else {
        byte(0xF0U | c >> 18), rest(12), rest(6), rest(0);
    }
}

std::string from_utf16(Bytes b, bool big, const std::string& path) {
    if (b.size() % 2 != 0) refuse(path, "UTF-16 of an odd number of bytes");
    const auto unit = [&](std::size_t i) { return std::uint32_t{b[i + (big ? 0 : 1)]} << 8 | b[i + (big ? 1 : 0)]; };
    std::string text;
    text.reserve(b.size() / 2);
    for (std::size_t i = 0; i < b.size(); i += 2) {
        const std::uint32_t c = unit(i);
        if (c < 0xD800 || c > 0xDFFF) {
            append_utf8(text, c);
            continue;
        }
        const std::uint32_t low = i + 2 < b.size() ? unit(i + 2) : 0;
        if (c > 0xDBFF || low < 0xDC00 || low > 0xDFFF) refuse(path, fmt::format("damaged UTF-16 at byte {}", i));
        append_utf8(text, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
        i += 2;
    }
    return text;
}

/// Whether all of it is UTF-8 by RFC 3629.
bool is_utf8(Bytes b) {
    for (std::size_t i = 0; i < b.size();) {
        const std::uint8_t first = b[i++];
        if (first < 0x80) continue;
        const int more = first >= 0xC2 && first < 0xE0   ? 1
                         : first >= 0xE0 && first < 0xF0 ? 2
                         : first >= 0xF0 && first < 0xF5 ? 3
                                                         : 0;
        if (more == 0 || b.size() - i < static_cast<std::size_t>(more)) return false;
        const std::uint8_t second = b[i];
        const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
        const bool outside = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
        if (overlong || outside) return false;
        for (int k = 0; k < more; ++k)
            if ((b[i++] & 0xC0U) != 0x80U) return false;
    }
    return true;
}

bool begins_with(Bytes b, std::string_view mark) {
    return b.size() >= mark.size() && std::ranges::equal(b.first(mark.size()), mark, [](std::uint8_t x, char y) {
               return x == static_cast<std::uint8_t>(y);
           });
}

/// Whether all of the first letters have their zero at `offset`: UTF-16 without its mark.
bool zeros_at(Bytes b, std::size_t offset) {
    if (b.size() < 4) return false;
    for (std::size_t i = 0; i + 1 < std::min<std::size_t>(b.size(), 64); i += 2)
        if (b[i + offset] != 0 || b[i + 1 - offset] == 0) return false;
    return true;
}

void decode(Bytes b, TextFile& file, const std::string& path) {
    using namespace std::string_view_literals;
    if (begins_with(b, "\xFF\xFE\0\0"sv) || begins_with(b, "\0\0\xFE\xFF"sv))
        refuse(path, "UTF-32, which is not read: save it as UTF-8");
    const bool little = begins_with(b, "\xFF\xFE"sv), big = begins_with(b, "\xFE\xFF"sv);
    if (little || big || zeros_at(b, 1) || zeros_at(b, 0)) {
        const bool is_big = big || (!little && zeros_at(b, 0));
        file.encoding = is_big ? "UTF-16 BE" : "UTF-16 LE";
        file.text = from_utf16(little || big ? b.subspan(2) : b, is_big, path);
    } else {
        if (begins_with(b, "\xEF\xBB\xBF"sv)) b = b.subspan(3);
        file.encoding = is_utf8(b) ? "UTF-8" : "ISO 8859-1";
        if (file.encoding == "UTF-8") {
            file.text.assign(b.begin(), b.end());
        } else {
            for (const std::uint8_t c : b) append_utf8(file.text, c);
        }
    }
    if (const std::size_t zero = file.text.find('\0'); zero != std::string::npos)
        refuse(path, fmt::format("is no text: byte {} is zero", zero));
}

}  // namespace

TextFile read_text_file(const std::string& path) {
    std::vector<std::uint8_t> bytes = read_bytes(path, kMaxTextBytes);
    TextFile file;
    file.compressed = is_gzip(bytes);
    if (file.compressed) bytes = gunzip(bytes, path);
    decode(bytes, file, path);
    return file;
}

}  // namespace keel
