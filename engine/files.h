// Whole files: read with a limit, written so that a reader (or the next run) sees the old contents or the new, never half of
// either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace keel {

/// A file written beside `path` under a temporary name; commit() makes it durable (fsync) and renames it over `path`. Without a
/// commit the destructor removes it and `path` keeps what it had. The temporary name holds the process id, so that two
/// processes never share one. Every operation throws IoError that names the file and the system's reason.
class AtomicFile {
public:
    explicit AtomicFile(std::filesystem::path path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(const void* bytes, std::size_t size);
    void commit();

private:
    std::filesystem::path path_, temporary_;
    int descriptor_ = -1;
};

/// Replaces the contents of `path` by `bytes` with an AtomicFile.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The contents of `path`. Throws IoError where it cannot be read, InputError where it holds more than `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace keel
