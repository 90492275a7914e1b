#include "runs/growing_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include "engine/descriptor.h"
#include "engine/paths.h"
#include "engine/patience.h"
#include "engine/system_error.h"

namespace keel {
namespace {

[[noreturn]] void fail_to(const char* what, const std::filesystem::path& path) {
    const int code = errno;  // before anything below can change it
    throw_system_error(fmt::format("[run] cannot {} {}", what, path.string()), code);
}

void write_at(int descriptor, std::uint64_t offset, std::string_view text, const std::filesystem::path& path) {
    while (!text.empty()) {
        const ssize_t count = ::pwrite(descriptor, text.data(), text.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_to("write to", path);
        offset += static_cast<std::uint64_t>(count);
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

}  // namespace

int GrowingFile::open() const {
    const auto attempt = [&] { return ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666); };
    int descriptor = attempt();
    if (descriptor < 0 && errno == ENOENT) {
        make_folders(path_.parent_path());
        descriptor = attempt();
    }
    if (descriptor < 0) fail_to("open", path_);
    return descriptor;
}

void GrowingFile::add(std::string_view text, std::string_view head) {
    waiting_ += text;
    head_ = head;
}

void GrowingFile::flush() {
    if (waiting_.empty()) return;
    const PatienceScope at_once(0);  // it comes with the next line otherwise
    patiently([&] {
        Descriptor file(open());
        struct stat status {};
        if (::fstat(file.get(), &status) != 0) fail_to("examine", path_);
        auto size = static_cast<std::uint64_t>(status.st_size);
        if (good_ && *good_ < size) {
            if (::ftruncate(file.get(), static_cast<off_t>(*good_)) != 0) fail_to("cut", path_);
            size = *good_;
        }
        good_ = size;
        write_at(file.get(), size, size == 0 ? head_ + waiting_ : waiting_, path_);
        if (!file.close()) fail_to("write to", path_);
    });
    good_.reset();
    waiting_.clear();
}

void GrowingFile::require_writable() {
    patiently([&] {
        if (!Descriptor(open()).close()) fail_to("write to", path_);
    });
}

}  // namespace keel
