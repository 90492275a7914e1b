#include "engine/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "engine/descriptor.h"
#include "engine/patience.h"
#include "engine/system_error.h"
#include "kernels/error.h"

namespace keel {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
    const int code = errno;  // before anything below can change it
    throw_system_error(fmt::format("[files] cannot {} {}", what, path.string()), code);
}

int open_folder(const std::filesystem::path& folder) {
    return patiently([&] {
        const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (opened < 0) fail("open folder", folder);
        return opened;
    });
}

/// Makes the entry of a rename durable. Filesystems that cannot synchronize a folder say EINVAL; they have no more to
/// give.
void synchronize_folder(const std::filesystem::path& file) {
    const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
    const Descriptor descriptor(open_folder(folder));
    while (::fsync(descriptor.get()) != 0 && errno != EINVAL)
        if (errno != EINTR) fail("synchronize folder", folder);
}

constexpr std::string_view kTemporary = ".tmp";  // the process's id, a dash, and what no other process drew
constexpr std::size_t kDrawnDigits = 16;         // hexadecimal

/// Process ids are told apart only within one container of one machine: in each, the first process is 1.
std::uint64_t drawn_for_this_process() {
    static const std::uint64_t drawn = [] {
        std::uint64_t bits = 0;
        if (::getrandom(&bits, sizeof bits, GRND_NONBLOCK) == sizeof bits) return bits;
        // Early at a machine's start there is no randomness yet: the time in nanoseconds tells most apart.
        return static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    }();
    return drawn;
}

std::filesystem::path temporary_name(std::filesystem::path path) {
    // The id as well: a process that forked has the same draw as its parent.
    return path += fmt::format("{}{}-{:016x}", kTemporary, ::getpid(), drawn_for_this_process());
}

/// Returns the descriptor of a regular file, its size in bytes, and when it was changed, in nanoseconds.
int open_to_read(const std::filesystem::path& path, std::uint64_t* size, std::int64_t* changed) {
    // A pipe without a writer must not block.
    Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (descriptor.get() < 0) fail("open", path);
    struct stat status {};
    if (::fstat(descriptor.get(), &status) != 0) fail("examine", path);
    if (!S_ISREG(status.st_mode)) throw InputError("[files] wanted a regular file, " + path.string() + " is none");
    *size = static_cast<std::uint64_t>(status.st_size);
    *changed = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    return descriptor.release();
}

std::string read_once(const std::filesystem::path& path, std::uint64_t limit) {
    const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (descriptor.get() < 0) fail("open", path);
    std::string contents;
    std::array<char, 65536> part{};
    for (;;) {
        // The size is not asked beforehand: files of /proc and /sys report none.
        const ssize_t got = ::read(descriptor.get(), part.data(), part.size());
        if (got < 0) fail("read", path);
        if (got == 0) return contents;
        if (contents.size() + static_cast<std::size_t>(got) > limit)
            throw InputError(
                fmt::format("[files] {} holds more than the {} bytes that are allowed", path.string(), limit));
        contents.append(part.data(), static_cast<std::size_t>(got));
    }
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
    patiently([&] {
        Descriptor opened(open_to_read(path_, &size_, &changed_));
        descriptor_ = opened.release();
    });
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::uint64_t offset, std::span<std::byte> into) const {
    bool failed = false;
    patiently([&] {
        if (failed) open_again();
        failed = true;
        read_once(offset, into);
    });
}

void InputFile::open_again() const {
    std::uint64_t size = 0;
    std::int64_t changed = 0;
    const Descriptor fresh(open_to_read(path_, &size, &changed));
    if (size != size_ || changed != changed_)
        throw InputError("[files] " + path_.string() + " was replaced while it was read");
    // The same number for the same file: other threads that read it never see another one.
    if (::dup3(fresh.get(), descriptor_, O_CLOEXEC) < 0) fail("open", path_);
}

void InputFile::read_once(std::uint64_t offset, std::span<std::byte> into) const {
    while (!into.empty()) {
        const ssize_t count = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
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
    while (::fsync(descriptor_) != 0)
        if (errno != EINTR) fail("sync", temporary_);
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
    if (!extension.starts_with(kTemporary)) return false;
    const std::string rest = extension.substr(kTemporary.size()), id = rest.substr(0, rest.find('-')),
                      drawn = rest.substr(std::min(rest.size(), id.size() + 1));
    // Earlier versions wrote the id alone.
    const bool complete = rest.size() == id.size() || drawn.size() == kDrawnDigits;
    return complete && !id.empty() && id.find_first_not_of("0123456789") == std::string::npos &&
           drawn.find_first_not_of("0123456789abcdef") == std::string::npos;
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
    patiently([&] {
        AtomicFile file(path);
        file.write(bytes.data(), bytes.size());
        file.commit();
    });
}

void rename_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
    {
        const Descriptor descriptor(open_folder(from));
        if (::syncfs(descriptor.get()) != 0) fail("synchronize", from);
    }
    if (::rename(from.c_str(), to.c_str()) != 0) fail("rename into place", to);
    synchronize_folder(to);
}

std::string read_file(const std::filesystem::path& path, std::uint64_t limit) {
    return patiently([&] { return read_once(path, limit); });
}

}  // namespace keel
