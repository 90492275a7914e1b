// Faults of the disk: this program's own write, fsync, rename, link, pread and stat stand before the C library's.
#pragma once

namespace keel::test {

enum class Call { write, fsync, rename, link, read, stat };

struct DiskFault {
    int at = 1;             ///< the call that goes wrong, counted from 1 over all kinds, or over `only` where given
    int error = 0;          ///< what it fails with, an errno; 0: the process is killed instead, before the call is made
    bool for_good = false;  ///< all calls after it go wrong, too
    int only = -1;          ///< a Call, as int; -1: any that changes something
    const char* under = nullptr;  ///< counts only calls on files whose paths hold this; null: all
};

/// Armed during its lifetime; one at a time.
class DiskFaultScope {
public:
    explicit DiskFaultScope(const DiskFault& fault);
    ~DiskFaultScope();
    DiskFaultScope(const DiskFaultScope&) = delete;
    DiskFaultScope& operator=(const DiskFaultScope&) = delete;

    /// Calls of the kind counted so far.
    int calls() const;
};

}  // namespace keel::test
