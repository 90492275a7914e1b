// A strict reader of zip archives, as far as numpy's .npz files need it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/files.h"

namespace keel {

/// One member, as the central directory describes it.
struct ZipEntry {
    std::string name;
    int method;  ///< 0 stored, 8 deflated
    std::uint32_t crc;
    std::uint64_t compressed, size;  ///< bytes
    std::uint64_t header;            ///< where the member's local header begins
};

/// An archive in a file, of any size (zip64). Of the file no more is held than the list of its members; every offset
/// and length is checked against it. May be used by several threads.
class ZipArchive {
public:
    /// Throws IoError if the file cannot be read, InputError for anything that is not a plain zip file. Several disks
    /// and encryption are refused.
    explicit ZipArchive(const std::string& path);

    std::span<const ZipEntry> entries() const { return entries_; }

    /// Returns the contents of a member, decompressed, its length and CRC-32 checked. Throws InputError, IoError.
    std::vector<std::uint8_t> extract(const ZipEntry& entry) const;

private:
    struct Directory {
        std::uint64_t count, bytes, start;
    };
    Directory find_directory() const;
    Directory find_zip64_directory(std::uint64_t end) const;
    /// Returns bytes of the file; refuses those outside of it.
    std::vector<std::uint8_t> read(std::uint64_t offset, std::uint64_t size, const char* what) const;
    std::uint64_t data_offset(const ZipEntry& entry) const;
    bool inflate(std::uint64_t offset, std::uint64_t compressed, std::span<std::uint8_t> dst) const;

    std::string path_;
    InputFile file_;
    std::vector<ZipEntry> entries_;
};

}  // namespace keel
