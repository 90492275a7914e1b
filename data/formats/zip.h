// A strict reader of zip archives, as far as numpy's .npz files need it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace keel {

/// One member, as the central directory describes it.
struct ZipEntry {
    std::string name;
    int method;  ///< 0 stored, 8 deflated
    std::uint32_t crc;
    std::uint64_t compressed, size;  ///< bytes
    std::uint64_t header;            ///< where the member's local header begins
};

/// Returns the members of an archive. Every offset and length is checked against the archive. Throws InputError for
/// anything that is not a plain zip file; `name` is used in messages. Zip64 archives (members of 4 GiB and more),
/// several disks and encryption are refused; zip64 extra fields of local headers, which numpy always writes, are not
/// needed and skipped.
std::vector<ZipEntry> zip_entries(std::span<const std::uint8_t> archive, const std::string& name);

/// Returns the contents of a member, decompressed, its length and CRC-32 checked. Throws InputError.
std::vector<std::uint8_t> zip_extract(std::span<const std::uint8_t> archive, const ZipEntry& entry,
                                      const std::string& name);

}  // namespace keel
