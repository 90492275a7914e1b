#include "data/formats/zip.h"

#include <algorithm>
#include <memory>

#include <fmt/core.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include "kernels/error.h"

namespace keel {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kEndBytes = 22, kCentralBytes = 46, kLocalBytes = 30;
constexpr std::uint32_t kEndMagic = 0x06054b50, kCentralMagic = 0x02014b50, kLocalMagic = 0x04034b50;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;  // "see the zip64 field"
// One bit of deflate makes at most 258 bytes from a two-bit code: a member that claims more is lying.
constexpr std::uint64_t kMaxRatio = 1032;

[[noreturn]] void bad(const std::string& name, const std::string& what) {
    throw InputError(fmt::format("[zip] {}: {}", name, what));
}

std::uint32_t u16(Bytes b, std::size_t at) { return std::uint32_t{b[at]} | std::uint32_t{b[at + 1]} << 8; }
std::uint32_t u32(Bytes b, std::size_t at) { return u16(b, at) | u16(b, at + 2) << 16; }

/// The end record is the last one that fits exactly in front of its comment.
std::size_t find_end(Bytes b, const std::string& name) {
    if (b.size() < kEndBytes) bad(name, "too short for a zip archive");
    const std::size_t last = b.size() - kEndBytes, lowest = last > 0xFFFF ? last - 0xFFFF : 0;
    for (std::size_t at = last + 1; at-- > lowest;) {
        if (u32(b, at) == kEndMagic && at + kEndBytes + u16(b, at + 20) == b.size()) return at;
    }
    bad(name, "no end of central directory (truncated, or no zip archive)");
}

ZipEntry parse_central(Bytes b, std::size_t at, const std::string& name) {
    const std::size_t name_bytes = u16(b, at + 28);
    ZipEntry entry{std::string(reinterpret_cast<const char*>(b.data()) + at + kCentralBytes, name_bytes),
                   static_cast<int>(u16(b, at + 10)),
                   u32(b, at + 16),
                   u32(b, at + 20),
                   u32(b, at + 24),
                   u32(b, at + 42)};
    if (entry.compressed == kIn64 || entry.size == kIn64 || entry.header == kIn64)
        bad(name, "zip64 members are not supported");
    if ((u16(b, at + 8) & 1U) != 0) bad(name, "encrypted members are not supported");
    if (entry.method != 0 && entry.method != 8)
        bad(name, fmt::format("compression method {} is not supported", entry.method));
    if (entry.header + kLocalBytes > b.size() || entry.compressed > b.size())
        bad(name, "a member lies outside the archive");
    if (entry.method == 0 && entry.size != entry.compressed) bad(name, "a stored member has two sizes");
    if (entry.size > entry.compressed * kMaxRatio) bad(name, "a member claims more bytes than its data can hold");
    return entry;
}

/// The compressed bytes of a member; its local header may have another length than the central one.
Bytes member_bytes(Bytes b, const ZipEntry& entry, const std::string& name) {
    const auto at = static_cast<std::size_t>(entry.header);
    if (u32(b, at) != kLocalMagic) bad(name, fmt::format("{} has no local header", entry.name));
    const std::size_t data = at + kLocalBytes + u16(b, at + 26) + u16(b, at + 28);
    if (data > b.size() || entry.compressed > b.size() - data)
        bad(name, fmt::format("{} lies outside the archive", entry.name));
    return b.subspan(data, static_cast<std::size_t>(entry.compressed));
}

/// Lengths below 4 GiB fit the counters because zip64 is refused.
bool inflate_raw(Bytes src, std::vector<std::uint8_t>& dst) {
    const auto state = std::make_unique_for_overwrite<inflate_state>();
    isal_inflate_init(state.get());
    state->crc_flag = ISAL_DEFLATE;
    state->next_in = const_cast<std::uint8_t*>(src.data());
    state->avail_in = static_cast<std::uint32_t>(src.size());
    state->next_out = dst.data();
    state->avail_out = static_cast<std::uint32_t>(dst.size());
    return isal_inflate_stateless(state.get()) == ISAL_DECOMP_OK && state->avail_out == 0 && state->avail_in == 0;
}

}  // namespace

std::vector<ZipEntry> zip_entries(Bytes b, const std::string& name) {
    const std::size_t end = find_end(b, name);
    const std::size_t count = u16(b, end + 10), bytes = u32(b, end + 12), start = u32(b, end + 16);
    if (u16(b, end + 4) != 0 || u16(b, end + 6) != 0 || u16(b, end + 8) != count)
        bad(name, "archives of several parts are not supported");
    if (count == 0xFFFF || bytes == kIn64 || start == kIn64) bad(name, "zip64 archives are not supported");
    if (start > end || bytes > end - start) bad(name, "the central directory lies outside the archive");
    std::vector<ZipEntry> entries;
    entries.reserve(std::min(count, bytes / kCentralBytes));
    std::size_t at = start;
    for (std::size_t i = 0; i < count; ++i) {
        if (start + bytes - at < kCentralBytes || u32(b, at) != kCentralMagic)
            bad(name, "the central directory is damaged");
        const std::size_t length = kCentralBytes + u16(b, at + 28) + u16(b, at + 30) + u16(b, at + 32);
        if (length > start + bytes - at) bad(name, "the central directory is damaged");
        entries.push_back(parse_central(b, at, name));
        at += length;
    }
    return entries;
}

std::vector<std::uint8_t> zip_extract(Bytes archive, const ZipEntry& entry, const std::string& name) {
    const Bytes packed = member_bytes(archive, entry, name);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(entry.size));
    if (entry.method == 0) {
        std::ranges::copy(packed, bytes.begin());
    } else if (!inflate_raw(packed, bytes)) {
        bad(name, fmt::format("{} is damaged: it does not inflate to its size", entry.name));
    }
    if (crc32_gzip_refl(0, bytes.data(), bytes.size()) != entry.crc)
        bad(name, fmt::format("{} is damaged: its CRC does not match", entry.name));
    return bytes;
}

}  // namespace keel
