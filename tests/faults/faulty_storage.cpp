// A library to be preloaded: storage that fails for a while. Of the calls about what lies below KEEL_FAULTS_BELOW, each
// with a number of its own over all threads, some fail with the system's errors:
//   KEEL_FAULTS_BELOW   folder, an absolute path
//   KEEL_FAULTS_CALLS   which calls: names with commas between (open read write stat list sync rename link make); all
//   KEEL_FAULTS_ERRORS  numbers of errno with commas between, taken in turn
//   KEEL_FAULTS_FIRST, KEEL_FAULTS_LAST   the numbers of the calls between which they fail, the last excluded
//   KEEL_FAULTS_EVERY, KEEL_FAULTS_BURST  of so many calls, the first so many fail
//   KEEL_FAULTS_REPORT  file for how many calls of how many failed, when the process exits
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Plan {
    std::string below, calls;
    std::vector<int> errors;
    std::int64_t first = 0, last = INT64_MAX, every = 1, burst = 1;
};

std::string text(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::int64_t number(const char* name, std::int64_t otherwise) {
    const std::string value = text(name);
    return value.empty() ? otherwise : std::atoll(value.c_str());
}

const Plan& plan() {
    static const Plan made = [] {
        Plan p;
        p.below = text("KEEL_FAULTS_BELOW");
        p.calls = "," + text("KEEL_FAULTS_CALLS") + ",";
        std::istringstream errors(text("KEEL_FAULTS_ERRORS"));
        for (std::string one; std::getline(errors, one, ',');) p.errors.push_back(std::atoi(one.c_str()));
        if (p.errors.empty()) p.errors.push_back(EIO);
        p.first = number("KEEL_FAULTS_FIRST", 0);
        p.last = number("KEEL_FAULTS_LAST", INT64_MAX);
        p.every = number("KEEL_FAULTS_EVERY", 1);
        p.burst = number("KEEL_FAULTS_BURST", 1);
        return p;
    }();
    return made;
}

std::atomic<std::int64_t> calls_seen{0}, calls_failed{0};

/// True if this call fails; errno says with what.
bool fails(std::string_view call, std::string_view path) {
    const Plan& p = plan();
    if (p.below.empty() || !path.starts_with(p.below)) return false;
    if (p.calls != ",all," && p.calls.find("," + std::string(call) + ",") == std::string::npos) return false;
    const std::int64_t n = calls_seen++;
    if (n < p.first || n >= p.last || (n - p.first) % p.every >= p.burst) return false;
    const std::int64_t failed = calls_failed++;
    errno = p.errors[static_cast<std::size_t>(failed) % p.errors.size()];
    return true;
}

bool fails(std::string_view call, int descriptor) {
    const int kept = errno;
    char link[64], path[PATH_MAX];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = ::readlink(link, path, sizeof path);
    errno = kept;
    return length > 0 && fails(call, std::string_view(path, static_cast<std::size_t>(length)));
}

template <class Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

__attribute__((destructor)) void report() {
    const std::string file = text("KEEL_FAULTS_REPORT");
    if (file.empty()) return;
    if (std::FILE* const out = std::fopen(file.c_str(), "w")) {
        std::fprintf(out, "%lld of %lld\n", static_cast<long long>(calls_failed.load()),
                     static_cast<long long>(calls_seen.load()));
        std::fclose(out);
    }
}

mode_t mode_of(int flags, va_list arguments) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(arguments, unsigned)) : 0;
}

}  // namespace

// The C library's functions, of which this is another definition; the real one is called where none fails.
#define KEEL_OPEN(name)                                                       \
    int name(const char* path, int flags, ...) {                              \
        static auto* const real = next<int(const char*, int, mode_t)>(#name); \
        va_list arguments;                                                    \
        va_start(arguments, flags);                                           \
        const mode_t mode = mode_of(flags, arguments);                        \
        va_end(arguments);                                                    \
        return fails("open", path) ? -1 : real(path, flags, mode);            \
    }
#define KEEL_CALL(result, failed, call, subject, name, parameters, arguments) \
    result name parameters {                                                  \
        static auto* const real = next<result parameters>(#name);             \
        return fails(call, subject) ? failed : real arguments;                \
    }
#define KEEL_WORD(call, subject, name, parameters, arguments) \
    KEEL_CALL(int, -1, call, subject, name, parameters, arguments)
#define KEEL_BYTES(call, name, parameters, arguments) KEEL_CALL(ssize_t, -1, call, fd, name, parameters, arguments)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnonnull-compare"
extern "C" {

KEEL_OPEN(open)
KEEL_OPEN(open64)
KEEL_BYTES("read", read, (int fd, void* to, size_t n), (fd, to, n))
KEEL_BYTES("read", pread, (int fd, void* to, size_t n, off_t at), (fd, to, n, at))
KEEL_BYTES("read", pread64, (int fd, void* to, size_t n, off64_t at), (fd, to, n, at))
KEEL_BYTES("write", write, (int fd, const void* from, size_t n), (fd, from, n))
KEEL_BYTES("write", pwrite, (int fd, const void* from, size_t n, off_t at), (fd, from, n, at))
KEEL_BYTES("write", pwrite64, (int fd, const void* from, size_t n, off64_t at), (fd, from, n, at))
KEEL_WORD("write", fd, ftruncate, (int fd, off_t size) noexcept, (fd, size))
KEEL_WORD("sync", fd, fsync, (int fd), (fd))
KEEL_WORD("sync", fd, fdatasync, (int fd), (fd))
KEEL_WORD("sync", fd, syncfs, (int fd) noexcept, (fd))
KEEL_WORD("stat", path, stat, (const char* path, struct stat* to) noexcept, (path, to))
KEEL_WORD("stat", path, stat64, (const char* path, struct stat64* to) noexcept, (path, to))
KEEL_WORD("stat", path, lstat, (const char* path, struct stat* to) noexcept, (path, to))
KEEL_WORD("stat", path, lstat64, (const char* path, struct stat64* to) noexcept, (path, to))
KEEL_WORD("stat", fd, fstat, (int fd, struct stat* to) noexcept, (fd, to))
KEEL_WORD("stat", fd, fstat64, (int fd, struct stat64* to) noexcept, (fd, to))
KEEL_WORD("rename", to, rename, (const char* from, const char* to) noexcept, (from, to))
KEEL_WORD("link", to, link, (const char* from, const char* to) noexcept, (from, to))
KEEL_WORD("make", path, mkdir, (const char* path, mode_t mode) noexcept, (path, mode))
KEEL_CALL(DIR*, nullptr, "list", path, opendir, (const char* path), (path))
KEEL_CALL(dirent*, nullptr, "list", ::dirfd(folder), readdir, (DIR * folder), (folder))
KEEL_CALL(dirent64*, nullptr, "list", ::dirfd(folder), readdir64, (DIR * folder), (folder))
}
#pragma GCC diagnostic pop
