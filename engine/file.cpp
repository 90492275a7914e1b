#include "engine/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "kernels/error.h"

namespace keel {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
    const int error = errno;
    throw IoError("[file] cannot " + std::string(what) + " " + path.string() + ": " + std::generic_category().message(error));
}

/// Makes the entry of a rename durable. Filesystems that cannot synchronise a folder say EINVAL; they have no more to give.
void synchronise_folder(const std::filesystem::path& file) {
    const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) fail("open folder", folder);
    const bool done = ::fsync(descriptor) == 0 || errno == EINVAL;
    const int error = errno;
    ::close(descriptor);
    errno = error;
    if (!done) fail("synchronise folder", folder);
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
    throw InputError("[file] wanted a regular file, " + path_.string() + " is none");
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::uint64_t offset, std::span<std::byte> into) const {
    while (!into.empty()) {
        const ssize_t count = ::pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("read", path_);
        if (count == 0) throw InputError("[file] " + path_.string() + " ends at byte " + std::to_string(offset) + ", wanted more");
        offset += static_cast<std::uint64_t>(count);
        into = into.subspan(static_cast<std::size_t>(count));
    }
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)), temporary_(path_) {
    temporary_ += ".tmp";  // one name: what a killed program left is overwritten by the next
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("create", temporary_);
}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("write", temporary_);
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

void AtomicFile::commit() {
    if (::fsync(descriptor_) != 0) fail("synchronise", temporary_);
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("close", temporary_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename to", path_);
    committed_ = true;
    synchronise_folder(path_);
}

}  // namespace keel
