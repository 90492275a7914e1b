// Zip archives and npy files that the tests write byte by byte.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/data/files.h"

namespace keel::test {

inline void put(Bytes& bytes, std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i < 8 ? value >> (8 * i) : 0));
}

inline Bytes npy(const std::string& descr, const std::string& shape, const Bytes& data, int version = 1,
                 const char* order = "False") {
    std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': (" + shape + "), }\n";
    Bytes bytes{0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<std::uint8_t>(version), 0};
    put(bytes, header.size(), version == 1 ? 2 : 4);
    bytes.insert(bytes.end(), header.begin(), header.end());
    bytes.insert(bytes.end(), data.begin(), data.end());
    return bytes;
}

inline Bytes deflate_raw(const Bytes& data) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    Bytes packed(deflateBound(&stream, static_cast<uLong>(data.size())));
    stream.next_in = const_cast<Bytef*>(data.data());
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = packed.data();
    stream.avail_out = static_cast<uInt>(packed.size());
    deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

struct Member {
    std::string name;
    Bytes data;
};

/// As numpy writes it: the local header carries a zip64 field of 20 bytes that the central one lacks.
inline Bytes zip(const std::vector<Member>& members, bool deflated) {
    Bytes bytes, central;
    for (const Member& m : members) {
        const Bytes packed = deflated ? deflate_raw(m.data) : m.data;
        const auto offset = bytes.size();
        const auto crc = crc32(0, m.data.data(), static_cast<uInt>(m.data.size()));
        Bytes common;
        put(common, 0, 2);
        put(common, deflated ? 8 : 0, 2);
        put(common, 0, 4);
        put(common, crc, 4);
        put(common, packed.size(), 4);
        put(common, m.data.size(), 4);
        put(common, m.name.size(), 2);
        put(bytes, 0x04034b50, 4);
        put(bytes, 45, 2);
        bytes.insert(bytes.end(), common.begin(), common.end());
        put(bytes, 20, 2);
        bytes.insert(bytes.end(), m.name.begin(), m.name.end());
        bytes.resize(bytes.size() + 20);
        bytes.insert(bytes.end(), packed.begin(), packed.end());
        put(central, 0x02014b50, 4);
        put(central, 45, 2);
        put(central, 45, 2);
        central.insert(central.end(), common.begin(), common.end());
        put(central, 0, 12);
        put(central, offset, 4);
        central.insert(central.end(), m.name.begin(), m.name.end());
    }
    const auto start = bytes.size();
    bytes.insert(bytes.end(), central.begin(), central.end());
    put(bytes, 0x06054b50, 4);
    put(bytes, 0, 4);
    put(bytes, members.size(), 2);
    put(bytes, members.size(), 2);
    put(bytes, central.size(), 4);
    put(bytes, start, 4);
    put(bytes, 0, 2);
    return bytes;
}

/// The same as a zip64 archive, as one of more than 4 GiB is: every size and offset stands in the fields of 64 bits.
/// `directory` becomes the size of the directory that its record claims, where given.
inline Bytes zip64(const std::vector<Member>& members, std::optional<std::uint64_t> directory = std::nullopt,
                   int field_bytes = 24) {
    Bytes bytes, central;
    for (const Member& m : members) {
        const auto offset = bytes.size();
        const auto crc = crc32(0, m.data.data(), static_cast<uInt>(m.data.size()));
        Bytes common;
        put(common, 0, 8);  // flags, stored, time
        put(common, crc, 4);
        put(common, 0xFFFFFFFF, 4);
        put(common, 0xFFFFFFFF, 4);
        put(common, m.name.size(), 2);
        put(bytes, 0x04034b50, 4);
        put(bytes, 45, 2);
        bytes.insert(bytes.end(), common.begin(), common.end());
        put(bytes, 20, 2);
        bytes.insert(bytes.end(), m.name.begin(), m.name.end());
        put(bytes, 1, 2);
        put(bytes, 16, 2);
        put(bytes, m.data.size(), 8);
        put(bytes, m.data.size(), 8);
        bytes.insert(bytes.end(), m.data.begin(), m.data.end());
        put(central, 0x02014b50, 4);
        put(central, 45, 2);
        put(central, 45, 2);
        central.insert(central.end(), common.begin(), common.end());
        put(central, static_cast<std::uint64_t>(field_bytes) + 10, 2);
        put(central, 0, 10);
        put(central, 0xFFFFFFFF, 4);
        central.insert(central.end(), m.name.begin(), m.name.end());
        put(central, 0xCAFE, 2);  // a field of another kind before it
        put(central, 2, 2);
        put(central, 7, 2);
        put(central, 1, 2);
        put(central, static_cast<std::uint64_t>(field_bytes), 2);
        Bytes field;
        put(field, m.data.size(), 8);
        put(field, m.data.size(), 8);
        put(field, offset, 8);
        central.insert(central.end(), field.begin(), field.begin() + field_bytes);
    }
    const auto start = bytes.size();
    bytes.insert(bytes.end(), central.begin(), central.end());
    const auto record = bytes.size();
    put(bytes, 0x06064b50, 4);
    put(bytes, 44, 8);
    put(bytes, 45, 2);
    put(bytes, 45, 2);
    put(bytes, 0, 8);
    put(bytes, members.size(), 8);
    put(bytes, members.size(), 8);
    put(bytes, directory.value_or(central.size()), 8);
    put(bytes, start, 8);
    put(bytes, 0x07064b50, 4);
    put(bytes, 0, 4);
    put(bytes, record, 8);
    put(bytes, 1, 4);
    put(bytes, 0x06054b50, 4);
    put(bytes, 0, 4);
    put(bytes, 0xFFFF, 2);
    put(bytes, 0xFFFF, 2);
    put(bytes, 0xFFFFFFFF, 4);
    put(bytes, 0xFFFFFFFF, 4);
    put(bytes, 0, 2);
    return bytes;
}

}  // namespace keel::test
