#include "graph/onnx/external.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/descriptor.h"
#include "engine/patience.h"
#include "engine/system_error.h"
#include "engine/text.h"
#include "kernels/error.h"

namespace keel::onnx {
namespace {

/// Tensors may share bytes, but a small file must not become many times its size.
constexpr std::uint64_t kMostCopies = 4;

std::string reason(int code) { return std::generic_category().message(code); }

/// The names on the way to a location. Throws InputError for one that leaves the folder, or may.
std::vector<std::string> components(const std::string& location) {
    const auto refuse = [&](const char* what) {
        throw InputError(fmt::format("its data lie in '{}', {}", excerpt(location), what));
    };
    if (location.empty()) throw InputError("its data lie in another file, which is not named");
    if (location.front() == '/' || location.find_first_of(std::string("\\\0", 2)) != std::string::npos)
        refuse("wanted a path within the model's folder");
    std::vector<std::string> names;
    for (const std::filesystem::path& part : std::filesystem::path(location)) {
        if (part == "." || part.empty()) continue;
        if (part == "..") refuse("wanted a path within the model's folder");
        names.push_back(part.string());
    }
    if (names.empty()) refuse("wanted the path of a file");
    return names;
}

/// Opens a file, going down from the folder name by name, so that no link is followed whatever changes meanwhile.
Descriptor open_within(const std::filesystem::path& folder, const std::string& location) {
    constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    const std::vector<std::string> names = components(location);
    Descriptor at(::open(folder.c_str(), kFlags | O_DIRECTORY));
    if (at.get() < 0) throw_system_error(fmt::format("[onnx] cannot open {}", folder.string()), errno);
    for (std::size_t i = 0; i < names.size(); ++i) {
        const bool last = i + 1 == names.size();
        Descriptor next(::openat(at.get(), names[i].c_str(), kFlags | O_NOFOLLOW | (last ? 0 : O_DIRECTORY)));
        const int code = errno;
        struct stat status {};
        if (next.get() < 0 && ::fstatat(at.get(), names[i].c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISLNK(status.st_mode))
            throw InputError(
                fmt::format("its data lie in '{}', which is or goes through a symbolic link; none is "
                            "followed",
                            excerpt(location)));
        if (next.get() < 0 && fault_of(code) == SystemFault::passing)
            throw_system_error(fmt::format("[onnx] cannot open '{}'", excerpt(location)), code);
        if (next.get() < 0)
            throw InputError(
                fmt::format("its data lie in '{}', which cannot be opened: {}", excerpt(location), reason(code)));
        at = std::move(next);
    }
    return at;
}

}  // namespace

class ExternalFile {
public:
    ExternalFile(const std::filesystem::path& folder, const std::string& location)
        : descriptor_(patiently([&] { return open_within(folder, location); })) {
        struct stat status {};
        if (::fstat(descriptor_.get(), &status) != 0 || !S_ISREG(status.st_mode))
            throw InputError(fmt::format("its data lie in '{}', which is no regular file", excerpt(location)));
        size_ = static_cast<std::uint64_t>(status.st_size);
    }

    std::uint64_t size() const { return size_; }

    /// Counts bytes that are taken of it.
    void take(std::uint64_t count) {
        taken_ += count;
        if (taken_ / kMostCopies > size_)
            throw InputError(fmt::format("tensors take more than {} times the bytes of their file", kMostCopies));
    }

    void read(std::uint64_t offset, std::span<std::byte> into) const {
        while (!into.empty()) {
            const ssize_t count = ::pread(descriptor_.get(), into.data(), into.size(), static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) throw_system_error("[onnx] cannot read external data", errno);
            if (count == 0) throw InputError("the file that its data lie in has become shorter");
            offset += static_cast<std::uint64_t>(count);
            into = into.subspan(static_cast<std::size_t>(count));
        }
    }

private:
    Descriptor descriptor_;
    std::uint64_t size_ = 0, taken_ = 0;
};

ExternalFiles::ExternalFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}
ExternalFiles::~ExternalFiles() = default;

ExternalFile& ExternalFiles::open(const std::string& location) {
    std::unique_ptr<ExternalFile>& file = files_[location];
    constexpr std::size_t kMostFiles = 256;
    if (files_.size() > kMostFiles) throw InputError(fmt::format("data in more than {} other files", kMostFiles));
    if (!file) file = std::make_unique<ExternalFile>(folder_, location);
    return *file;
}

void ExternalFiles::check(const ExternalRange& range, std::uint64_t size) {
    if (folder_.empty()) throw InputError("its data lie in another file, and there is no folder to look in");
    if (range.length && *range.length != size)
        throw InputError(
            fmt::format("{} bytes in '{}', its dims and type want {}", *range.length, excerpt(range.location), size));
    ExternalFile& file = open(range.location);
    if (range.offset > file.size() || size > file.size() - range.offset)
        throw InputError(fmt::format("its data reach beyond the end of '{}': {} bytes at {} of {}",
                                     excerpt(range.location), size, range.offset, file.size()));
    file.take(size);
}

void ExternalFiles::read(const ExternalRange& range, std::span<std::byte> into) {
    open(range.location).read(range.offset, into);
}

}  // namespace keel::onnx
