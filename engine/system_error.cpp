#include "engine/system_error.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "kernels/error.h"

namespace keel {
namespace {

/// Network file systems pass on what their sockets say; FUSE and Lustre say ENOTCONN and ESHUTDOWN while a server is
/// away. ENOMEM is the kernel's: this process's own comes as std::bad_alloc. A full disk is emptied some day, and file
/// systems with a local cache say that when they read, too.
constexpr int kPassing[] = {EIO,      ESTALE,      ETIMEDOUT,    EMFILE,       ENFILE,    EAGAIN,
                            EINTR,    EBUSY,       ENOMEM,       ENOBUFS,      ENOLCK,    EDEADLK,
                            ENOTCONN, ECONNRESET,  ECONNREFUSED, ECONNABORTED, EHOSTDOWN, EHOSTUNREACH,
                            ENETDOWN, ENETUNREACH, ENETRESET,    ESHUTDOWN,    EREMOTEIO, ENOLINK,
                            ECOMM,    EPROTO,      ECANCELED,    EKEYEXPIRED,  ENOSPC,    EDQUOT};
constexpr int kAbsent[] = {ENOENT, ENOTDIR, ENAMETOOLONG};

}  // namespace

SystemFault fault_of(int code) {
    if (std::ranges::find(kPassing, code) != std::end(kPassing)) return SystemFault::passing;
    return std::ranges::find(kAbsent, code) != std::end(kAbsent) ? SystemFault::absent : SystemFault::lasting;
}

void throw_system_error(const std::string& what, int code) {
    const std::string message = what + ": " + std::generic_category().message(code);
    if (fault_of(code) == SystemFault::passing) throw StorageError(message, code);
    throw IoError(message, code);
}

}  // namespace keel
