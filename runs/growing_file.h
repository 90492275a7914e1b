// Files that grow at their end while a run goes on: metrics, logs, events. The storage under them may fail for a while,
// and somebody may clear their folder: a run does not end for that, and loses no line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace keel {

/// A file that only this object writes to. It is opened anew for each write, so that a handle that has become stale, or
/// a folder that was removed and is made again, costs nothing.
class GrowingFile {
public:
    explicit GrowingFile(std::filesystem::path path) : path_(std::move(path)) {}

    /// Adds `text` to what waits to be written; `head` comes before it where the file is empty or not there then.
    void add(std::string_view text, std::string_view head = {});
    /// Writes all that waits, or nothing of it. Throws IoError; it goes on waiting then.
    void flush();
    bool waits() const { return !waiting_.empty(); }
    /// Makes the file where there is none. Throws IoError where it cannot be written to.
    void require_writable();
    const std::filesystem::path& path() const { return path_; }

private:
    int open() const;

    std::filesystem::path path_;
    std::string waiting_, head_;
    std::optional<std::uint64_t> good_;  // bytes before a write that failed half-way
};

}  // namespace keel
