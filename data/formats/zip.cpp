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

constexpr std::size_t kEndBytes = 22, kCentralBytes = 46, kLocalBytes = 30, kLocatorBytes = 20, kEnd64Bytes = 56;
constexpr std::uint32_t kEndMagic = 0x06054b50, kCentralMagic = 0x02014b50, kLocalMagic = 0x04034b50,
                        kLocatorMagic = 0x07064b50, kEnd64Magic = 0x06064b50;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;  // "see the zip64 field"
constexpr std::uint64_t kMaxDirectoryBytes = std::uint64_t{1} << 28;
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
// One bit of deflate makes at most 258 bytes from a two-bit code: a member that claims more is lying.
constexpr std::uint64_t kMaxRatio = 1032;

[[noreturn]] void bad(const std::string& name, const std::string& what) {
    throw InputError(fmt::format("[zip] {}: {}", name, what));
}

std::uint32_t u16(Bytes b, std::size_t at) { return std::uint32_t{b[at]} | std::uint32_t{b[at + 1]} << 8; }
std::uint32_t u32(Bytes b, std::size_t at) { return u16(b, at) | u16(b, at + 2) << 16; }
std::uint64_t u64(Bytes b, std::size_t at) { return u32(b, at) | std::uint64_t{u32(b, at + 4)} << 32; }

/// The end record is the last one that fits exactly in front of its comment; `b` is the file's end.
std::size_t find_end(Bytes b, const std::string& name) {
    for (std::size_t at = b.size() - kEndBytes + 1; at-- > 0;)
        if (u32(b, at) == kEndMagic && at + kEndBytes + u16(b, at + 20) == b.size()) return at;
    bad(name, "no end of central directory (truncated, or no zip archive)");
}

/// Fills in what an entry's fields of 32 bits cannot hold from its extra field of the kind 1: the fields that say so,
/// in their order.
void read_zip64_field(Bytes extra, ZipEntry& entry, const std::string& name) {
    for (std::size_t at = 0; extra.size() - at >= 4;) {
        const std::size_t kind = u16(extra, at), bytes = u16(extra, at + 2);
        at += 4;
        if (bytes > extra.size() - at) break;
        if (kind == 1) {
            std::size_t next = at;
            for (std::uint64_t* value : {&entry.size, &entry.compressed, &entry.header}) {
                if (*value != kIn64) continue;
                if (next + 8 > at + bytes) bad(name, "a zip64 field is too short");
                *value = u64(extra, next);
                next += 8;
            }
            return;
        }
        at += bytes;
    }
    bad(name, "a member without the zip64 field that it says it has");
}

/// `b` is an entry of the central directory, `file` the archive's size.
ZipEntry parse_central(Bytes b, std::uint64_t file, const std::string& name) {
    const std::size_t name_bytes = u16(b, 28), extra_bytes = u16(b, 30);
    ZipEntry entry{std::string(reinterpret_cast<const char*>(b.data()) + kCentralBytes, name_bytes),
                   static_cast<int>(u16(b, 10)),
                   u32(b, 16),
                   u32(b, 20),
                   u32(b, 24),
                   u32(b, 42)};
    if (entry.compressed == kIn64 || entry.size == kIn64 || entry.header == kIn64)
        read_zip64_field(b.subspan(kCentralBytes + name_bytes, extra_bytes), entry, name);
    if ((u16(b, 8) & 1U) != 0) bad(name, "encrypted members are not supported");
    if (entry.method != 0 && entry.method != 8)
        bad(name, fmt::format("compression method {} is not supported", entry.method));
    if (entry.header > file - kEndBytes || file - entry.header < kLocalBytes || entry.compressed > file)
        bad(name, "a member lies outside the archive");
    if (entry.method == 0 && entry.size != entry.compressed) bad(name, "a stored member has two sizes");
    if (entry.size / kMaxRatio > entry.compressed) bad(name, "a member claims more bytes than its data can hold");
    return entry;
}

}  // namespace

ZipArchive::ZipArchive(const std::string& path) : path_(path), file_(path) {
    if (file_.size() < kEndBytes) bad(path_, "too short for a zip archive");
    const Directory directory = find_directory();
    const std::vector<std::uint8_t> bytes = read(directory.start, directory.bytes, "the central directory");
    entries_.reserve(static_cast<std::size_t>(std::min(directory.count, directory.bytes / kCentralBytes)));
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < directory.count; ++i) {
        const Bytes rest = Bytes(bytes).subspan(at);
        if (rest.size() < kCentralBytes || u32(rest, 0) != kCentralMagic)
            bad(path_, "the central directory is damaged");
        const std::size_t length = kCentralBytes + u16(rest, 28) + u16(rest, 30) + u16(rest, 32);
        if (length > rest.size()) bad(path_, "the central directory is damaged");
        entries_.push_back(parse_central(rest.first(length), file_.size(), path_));
        at += length;
    }
}

std::vector<std::uint8_t> ZipArchive::read(std::uint64_t offset, std::uint64_t size, const char* what) const {
    if (offset > file_.size() || size > file_.size() - offset)
        bad(path_, fmt::format("{} lies outside the archive", what));
    if (size > kMaxDirectoryBytes) bad(path_, fmt::format("{} is too large", what));
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    file_.read(offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

ZipArchive::Directory ZipArchive::find_directory() const {
    const std::uint64_t tail_bytes = std::min<std::uint64_t>(file_.size(), kEndBytes + 0xFFFF);
    const std::uint64_t tail_start = file_.size() - tail_bytes;
    const std::vector<std::uint8_t> tail = read(tail_start, tail_bytes, "the end");
    const std::size_t at = find_end(tail, path_);
    if (u16(tail, at + 4) != 0 || u16(tail, at + 6) != 0 || u16(tail, at + 8) != u16(tail, at + 10))
        bad(path_, "archives of several parts are not supported");
    Directory directory{u16(tail, at + 10), u32(tail, at + 12), u32(tail, at + 16)};
    std::uint64_t end = tail_start + at;
    if (directory.count == 0xFFFF || directory.bytes == kIn64 || directory.start == kIn64)
        directory = find_zip64_directory(end);
    if (directory.start > end || directory.bytes > end - directory.start)
        bad(path_, "the central directory lies outside the archive");
    return directory;
}

ZipArchive::Directory ZipArchive::find_zip64_directory(std::uint64_t end) const {
    if (end < kLocatorBytes) bad(path_, "a zip64 archive without its end record");
    const std::vector<std::uint8_t> locator = read(end - kLocatorBytes, kLocatorBytes, "the end");
    if (u32(locator, 0) != kLocatorMagic) bad(path_, "a zip64 archive without its end record");
    const std::vector<std::uint8_t> record = read(u64(locator, 8), kEnd64Bytes, "the end record of zip64");
    if (u32(record, 0) != kEnd64Magic) bad(path_, "a zip64 archive without its end record");
    if (u32(locator, 4) != 0 || u32(record, 16) != 0 || u32(record, 20) != 0 || u64(record, 24) != u64(record, 32))
        bad(path_, "archives of several parts are not supported");
    return {u64(record, 32), u64(record, 40), u64(record, 48)};
}

/// A member's local header may have another length than the central one.
std::uint64_t ZipArchive::data_offset(const ZipEntry& entry) const {
    const std::vector<std::uint8_t> local = read(entry.header, kLocalBytes, entry.name.c_str());
    if (u32(local, 0) != kLocalMagic) bad(path_, fmt::format("{} has no local header", entry.name));
    const std::uint64_t data = entry.header + kLocalBytes + u16(local, 26) + u16(local, 28);
    if (data > file_.size() || entry.compressed > file_.size() - data)
        bad(path_, fmt::format("{} lies outside the archive", entry.name));
    return data;
}

/// Fills `dst`; false where the data end too early, too late or are damaged.
bool ZipArchive::inflate(std::uint64_t offset, std::uint64_t compressed, std::span<std::uint8_t> dst) const {
    const auto state = std::make_unique_for_overwrite<inflate_state>();
    isal_inflate_init(state.get());
    state->crc_flag = ISAL_DEFLATE;
    std::vector<std::uint8_t> chunk(static_cast<std::size_t>(std::min<std::uint64_t>(compressed, kChunkBytes)));
    std::uint8_t beyond = 0;
    while (state->block_state != ISAL_BLOCK_FINISH) {
        if (state->avail_in == 0 && compressed > 0) {
            const auto part =
                std::span(chunk).first(static_cast<std::size_t>(std::min<std::uint64_t>(compressed, chunk.size())));
            file_.read(offset, std::as_writable_bytes(part));
            offset += part.size();
            compressed -= part.size();
            state->next_in = part.data();
            state->avail_in = static_cast<std::uint32_t>(part.size());
        }
        const auto room = static_cast<std::uint32_t>(std::min(dst.size(), kChunkBytes));
        const std::uint32_t in_before = state->avail_in;
        const auto block_before = state->block_state;
        state->next_out = room > 0 ? dst.data() : &beyond;  // the end of the data may still be to come
        state->avail_out = std::max(room, 1U);
        const std::uint32_t out_before = state->avail_out;
        if (isal_inflate(state.get()) != ISAL_DECOMP_OK) return false;
        const std::uint32_t made = out_before - state->avail_out;
        if (made > room) return false;
        dst = dst.subspan(made);
        const bool moved = made > 0 || state->avail_in != in_before || state->block_state != block_before;
        if (!moved && compressed == 0) return false;
    }
    return dst.empty() && compressed == 0 &&
           state->avail_in + static_cast<std::uint32_t>(state->read_in_length) / 8 == 0;
}

std::vector<std::uint8_t> ZipArchive::extract(const ZipEntry& entry) const {
    const std::uint64_t offset = data_offset(entry);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(entry.size));
    if (entry.method == 0) {
        file_.read(offset, std::as_writable_bytes(std::span(bytes)));
    } else if (!inflate(offset, entry.compressed, bytes)) {
        bad(path_, fmt::format("{} is damaged: it does not inflate to its size", entry.name));
    }
    if (crc32_gzip_refl(0, bytes.data(), bytes.size()) != entry.crc)
        bad(path_, fmt::format("{} is damaged: its CRC does not match", entry.name));
    return bytes;
}

}  // namespace keel
