// What the processor can do, and which instruction set the hand-written kernels use.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernels/isa.h"

namespace keel {

struct Processor {
    std::string brand;  ///< e.g. "Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz"
    Features features = Features::none;
};

/// Returns what CPUID and XGETBV say (the operating system must save the registers, too), read once.
const Processor& processor();

/// Returns the ISA of that name; throws UsageError that lists the known names.
Isa isa_from_name(std::string_view text);

/// Returns the ISAs that this machine can run, in the order of kIsas; `scalar` is always the first.
std::span<const Isa> available_isas();

/// Returns the ISA every dispatch uses: `KEEL_ISA` if set, else the last available one.
/// Throws UsageError if `KEEL_ISA` names an unknown ISA or one that this machine lacks.
const Isa& active_isa();

/// Forces the ISA for the lifetime of the object, e.g. in a test. Not while kernels run on another thread.
class IsaScope {
public:
    /// Throws UsageError if this machine lacks it.
    explicit IsaScope(const Isa& isa);
    ~IsaScope();
    IsaScope(const IsaScope&) = delete;
    IsaScope& operator=(const IsaScope&) = delete;

private:
    Isa before_;
};

}  // namespace keel
