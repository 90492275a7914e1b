#include "tests/support/disk_faults.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>

namespace keel::test {
namespace {

DiskFault fault;
std::atomic<bool> armed = false;
std::atomic<int> count = 0;

/// True if this call fails; errno says with what.
bool goes_wrong(Call call) {
    const bool meant = fault.only >= 0 ? fault.only == static_cast<int>(call) : call < Call::read;
    if (!armed || !meant) return false;
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
    return keel::test::goes_wrong(keel::test::Call::write) ? -1 : ::syscall(SYS_write, descriptor, bytes, size);
}

int fsync(int descriptor) {
    return keel::test::goes_wrong(keel::test::Call::fsync) ? -1 : static_cast<int>(::syscall(SYS_fsync, descriptor));
}

int rename(const char* from, const char* to) noexcept {
    return keel::test::goes_wrong(keel::test::Call::rename)
               ? -1
               : static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

ssize_t pread(int descriptor, void* bytes, size_t size, off_t offset) {
    return keel::test::goes_wrong(keel::test::Call::read) ? -1
                                                          : ::syscall(SYS_pread64, descriptor, bytes, size, offset);
}

int stat(const char* path, struct stat* status) noexcept {
    return keel::test::goes_wrong(keel::test::Call::stat)
               ? -1
               : static_cast<int>(::syscall(SYS_newfstatat, AT_FDCWD, path, status, 0));
}

int link(const char* from, const char* to) noexcept {
    return keel::test::goes_wrong(keel::test::Call::link)
               ? -1
               : static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
}
