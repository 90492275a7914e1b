#include "engine/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "kernels/error.h"

namespace keel {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
    const int code = errno;  // before anything below can change it
    throw IoError(fmt::format("[files] cannot {} {}: {}", what, path.string(), std::generic_category().message(code)));
}

/// Makes the entry of a rename durable. Filesystems that cannot synchronize a folder say EINVAL; they have no more to
/// give.
void synchronize_folder(const std::filesystem::path& file) {
    const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) fail("open folder", folder);
    const bool done = ::fsync(descriptor) == 0 || errno == EINVAL;
    const int error = errno;
    ::close(descriptor);
    errno = error;
    if (!done) fail("synchronize folder", folder);
}

constexpr std::string_view kTemporary = ".tmp";  // and the process's id

std::filesystem::path temporary_name(std::filesystem::path path) {
    return path += fmt::format("{}{}", kTemporary, ::getpid());
}

/// For file systems without hard links.
void copy_contents(const std::filesystem::path& from, const std::filesystem::path& to) {
    const InputFile source(from);
    AtomicFile copy(to);
    std::vector<std::byte> part(std::size_t{1} << 20);
    for (std::uint64_t at = 0; at < source.size(); at += part.size()) {
        part.resize(static_cast<std::size_t>(std::min<std::uint64_t>(part.size(), source.size() - at)));
        source.read(at, part);
        copy.write(part.data(), part.size());
    }
    copy.commit();
}

}  // namespace

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without a writer must not block
    if (descriptor_ < 0) fail("open", path_);
    struct stat status {};
    const bool known = ::fstat(descriptor_, &status) == 0;
    if (known && S_ISREG(status.st_mode)) {
        size_ = static_cast<std::uint64_t>(status.st_size);
        return;
    }
    const int error = errno;
    ::close(descriptor_);
    errno = error;
    if (!known) fail("examine", path_);
    throw InputError("[files] wanted a regular file, " + path_.string() + " is none");
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::uint64_t offset, std::span<std::byte> into) const {
    while (!into.empty()) {
        const ssize_t count = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("read", path_);
        if (count == 0)
            throw InputError("[files] " + path_.string() + " ends at byte " + std::to_string(offset) + ", wanted more");
        offset += static_cast<std::uint64_t>(count);
        into = into.subspan(static_cast<std::size_t>(count));
    }
}

void InputFile::will_read(std::uint64_t offset, std::uint64_t size) const {
    ::posix_fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(size), POSIX_FADV_WILLNEED);
}

void InputFile::drop_from_cache() const {
    ::fdatasync(descriptor_);
    ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
    temporary_ = temporary_name(path_);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("create", temporary_);
}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
        ::unlink(temporary_.c_str());
    }
}

void AtomicFile::write(const void* bytes, std::size_t size) {
    const char* at = static_cast<const char*>(bytes);
    while (size > 0) {
        const ssize_t written = ::write(descriptor_, at, size);
        if (written < 0) {
            if (errno == EINTR) continue;
            fail("write", temporary_);
        }
        at += written;
        size -= static_cast<std::size_t>(written);
    }
}

void AtomicFile::sync() {
    if (::fsync(descriptor_) != 0) fail("sync", temporary_);
    ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
}

void AtomicFile::commit() {
    sync();
    // Renamed while still open, so that a refused rename leaves the destructor something to clean up.
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename into place", path_);
    ::close(std::exchange(descriptor_, -1));
    synchronize_folder(path_);
}

bool is_temporary_name(const std::filesystem::path& path) {
    const std::string extension = path.extension().string();
    return extension.size() > kTemporary.size() && extension.starts_with(kTemporary) &&
           extension.find_first_not_of("0123456789", kTemporary.size()) == std::string::npos;
}

void link_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    const std::filesystem::path temporary = temporary_name(to);
    ::unlink(temporary.c_str());
    if (::link(from.c_str(), temporary.c_str()) != 0) {
        if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) fail("link", temporary);
        return copy_contents(from, to);
    }
    if (::rename(temporary.c_str(), to.c_str()) != 0) {
        const int error = errno;
        ::unlink(temporary.c_str());
        errno = error;
        fail("rename into place", to);
    }
    ::unlink(temporary.c_str());  // a rename between two names of one file does nothing
    synchronize_folder(to);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
    AtomicFile file(path);
    file.write(bytes.data(), bytes.size());
    file.commit();
}

void rename_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
    const int descriptor = ::open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) fail("open folder", from);
    const bool done = ::syncfs(descriptor) == 0;
    const int error = errno;
    ::close(descriptor);
    errno = error;
    if (!done) fail("synchronize", from);
    if (::rename(from.c_str(), to.c_str()) != 0) fail("rename into place", to);
    synchronize_folder(to);
}

std::string read_file(const std::filesystem::path& path, std::uint64_t limit) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail("open", path);
    const auto close_at_end = [](const int* d) { ::close(*d); };
    const std::unique_ptr<const int, decltype(close_at_end)> closer(&descriptor, close_at_end);

    std::string contents;
    std::array<char, 65536> part{};
    for (;;) {
        // The size is not asked beforehand: files of /proc and /sys report none.
        const ssize_t got = ::read(descriptor, part.data(), part.size());
        if (got < 0) {
            if (errno == EINTR) continue;
            fail("read", path);
        }
        if (got == 0) return contents;
        if (contents.size() + static_cast<std::size_t>(got) > limit)
            throw InputError(
                fmt::format("[files] {} holds more than the {} bytes that are allowed", path.string(), limit));
        contents.append(part.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace keel
