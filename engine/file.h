// Files as serialisation needs them: read at an offset, written so that they appear whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace keel {

/// A regular file, open for reading.
class InputFile {
public:
    /// Throws IoError if it cannot be opened, InputError if it is no regular file.
    explicit InputFile(std::filesystem::path path);
    ~InputFile();
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;

    std::uint64_t size() const { return size_; }
    /// Fills `into` with the bytes from `offset` on. Throws IoError, or InputError if the file ends before.
    void read(std::uint64_t offset, std::span<std::byte> into) const;

private:
    std::filesystem::path path_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
};

/// A new file under a temporary name in the same folder; `commit` gives it its name, replacing an older one. Without a commit it is
/// removed. Whatever fails throws IoError with the system's reason.
class AtomicFile {
public:
    explicit AtomicFile(std::filesystem::path path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    /// Brings the file to disk, renames it and brings the folder to disk.
    void commit();

private:
    std::filesystem::path path_, temporary_;
    int descriptor_ = -1;
    bool committed_ = false;
};

}  // namespace keel
