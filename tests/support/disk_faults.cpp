#include "tests/support/disk_faults.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>

namespace keel::test {
namespace {

DiskFault fault;
std::atomic<bool> armed = false;
std::atomic<int> count = 0;

/// Returns the path of an open file.
std::string path_of(int descriptor) {
    char path[4096];
    const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path, sizeof(path));
    return {path, static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
}
std::string path_of(const char* path) { return path; }

/// True if this call on a file, a descriptor or a path, fails; errno says with what.
template <class File>
bool goes_wrong(Call call, File file) {
    const bool meant = fault.only >= 0 ? fault.only == static_cast<int>(call) : call < Call::read;
    if (!armed || !meant) return false;
    if (fault.under != nullptr && path_of(file).find(fault.under) == std::string::npos) return false;
    const int number = ++count;
    if (number < fault.at || (number > fault.at && !fault.for_good)) return false;
    if (fault.error == 0) ::kill(::getpid(), SIGKILL);
    errno = fault.error;
    return true;
}

}  // namespace

DiskFaultScope::DiskFaultScope(const DiskFault& next) {
    fault = next;
    count = 0;
    armed = true;
}

DiskFaultScope::~DiskFaultScope() { armed = false; }

int DiskFaultScope::calls() const { return count; }

}  // namespace keel::test

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
    return keel::test::goes_wrong(keel::test::Call::write, descriptor) ? -1
                                                                       : ::syscall(SYS_write, descriptor, bytes, size);
}

int fsync(int descriptor) {
    return keel::test::goes_wrong(keel::test::Call::fsync, descriptor)
               ? -1
               : static_cast<int>(::syscall(SYS_fsync, descriptor));
}

int rename(const char* from, const char* to) noexcept {
    return keel::test::goes_wrong(keel::test::Call::rename, from)
               ? -1
               : static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

ssize_t pread(int descriptor, void* bytes, size_t size, off_t offset) {
    return keel::test::goes_wrong(keel::test::Call::read, descriptor)
               ? -1
               : ::syscall(SYS_pread64, descriptor, bytes, size, offset);
}

int stat(const char* path, struct stat* status) noexcept {
    return keel::test::goes_wrong(keel::test::Call::stat, path)
               ? -1
               : static_cast<int>(::syscall(SYS_newfstatat, AT_FDCWD, path, status, 0));
}

int link(const char* from, const char* to) noexcept {
    return keel::test::goes_wrong(keel::test::Call::link, from)
               ? -1
               : static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
}
