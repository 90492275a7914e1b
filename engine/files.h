// Whole files: read with a limit, written so that a reader (or the next run) sees the old contents or the new, never
// half of either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace keel {

/// A regular file, open for reading. Where the storage does not answer, opening and reading wait as patiently() does
/// (engine/patience.h), and the file is opened anew in between; then they throw StorageError.
class InputFile {
public:
    /// Throws IoError if it cannot be opened, InputError if it is no regular file.
    explicit InputFile(std::filesystem::path path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    std::uint64_t size() const { return size_; }
    /// Fills `into` with the bytes from `offset` on. Throws IoError, or InputError if the file ends before or is
    /// another one by now.
    void read(std::uint64_t offset, std::span<std::byte> into) const;
    /// A hint: these bytes are read soon. The system begins to fetch them, where it can.
    void will_read(std::uint64_t offset, std::uint64_t size) const;
    /// Asks the system to drop the file from its cache, dirty pages written first. It may decline, and in memory
    /// (tmpfs) always does.
    void drop_from_cache() const;

private:
    void read_once(std::uint64_t offset, std::span<std::byte> into) const;
    void open_again() const;

    std::filesystem::path path_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
    std::int64_t changed_ = 0;  // nanoseconds since 1970
};

/// A file written beside `path` under a temporary name; commit() makes it durable (fsync) and renames it over `path`.
/// Without a commit the destructor removes it and `path` keeps what it had. The temporary name holds the process id
/// and a random number, so that two processes never share one, on whichever nodes and in whichever containers they are.
/// Every operation throws IoError that names the file and the system's reason.
class AtomicFile {
public:
    explicit AtomicFile(std::filesystem::path path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(const void* bytes, std::size_t size);
    /// Makes what was written durable, so that a check of temporary() before commit() reads what the disk holds.
    void sync();
    void commit();
    const std::filesystem::path& temporary() const { return temporary_; }

private:
    std::filesystem::path path_, temporary_;
    int descriptor_ = -1;
};

/// True for names as AtomicFile makes them. What a killed process left of them can be removed by whoever is the only
/// writer there.
bool is_temporary_name(const std::filesystem::path& path);

/// Gives the contents of `from` the name `to` as well, in place of what had it; a hard link where the file system has
/// them, else a copy. `to` is never half of either. Both lie in one folder. Throws IoError.
void link_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// Replaces the contents of `path` by `bytes` with an AtomicFile, patiently.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Makes a folder and all that was written in it durable, then renames it; `to` must not exist, or be an empty folder.
/// One call for any number of files, where an fsync of each would take a disk's access time. Throws IoError.
void rename_folder(const std::filesystem::path& from, const std::filesystem::path& to);

/// The contents of `path`, read patiently. Throws IoError where it cannot be read, InputError where it holds more than
/// `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace keel
