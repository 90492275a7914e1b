// What the system's error numbers mean for whoever reads or writes files: the one place that decides it.
#pragma once

#include <string>

namespace keel {

enum class SystemFault {
    passing,  ///< the storage or the process's means: the same call may succeed later, and the file is not to blame
    absent,   ///< there is no such file or folder
    lasting   ///< permissions, kinds of files, loops of links, ...: until somebody changes something
};

/// Says what errno `code` is a sign of.
SystemFault fault_of(int code);

/// Throws StorageError for what passes, else IoError: `what`, a colon and the system's reason.
[[noreturn]] void throw_system_error(const std::string& what, int code);

}  // namespace keel
