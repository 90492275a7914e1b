// What the processor can do, and which instruction set the hand-written kernels use.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kernels/isa.h"

namespace keel {

struct Processor {
    std::string brand;                   ///< e.g. "Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz"
    int family = 0, model = 0;           ///< as CPUID numbers them, e.g. 6 and 143
    std::string hypervisor;              ///< by its signature, e.g. "KVMKVMKVM"; empty: CPUID tells of none
    Features named = Features::none;     ///< by CPUID
    std::uint64_t saved = 0;             ///< XCR0: the registers' state that the operating system saves
    Features features = Features::none;  ///< those named whose registers are saved
};

/// Returns what CPUID and XGETBV say, read once.
const Processor& processor();

/// Whether Linux lets this process use AMX's tiles.
struct TilePermission {
    bool granted = false;
    int error = 0;  ///< the errno of a refusal
};

/// Returns the answer for this process; the first call asks (arch_prctl). Once granted, signal frames of threads that
/// use tiles take 8 KB more, and Linux refuses alternative signal stacks too small for that. So it is asked only where
/// the processor has tiles and KEEL_ISA names no ISA without them.
const TilePermission& tile_permission();

/// Returns the ISA of that name; throws UsageError that lists the known names.
Isa isa_from_name(std::string_view text);

/// Returns the ISAs that this process can run, in the order of kIsas; `scalar` is always the first.
std::span<const Isa> available_isas();

/// Returns the last ISA whose features the processor has, whether or not Linux lets the process use all of them.
const Isa& processors_isa();

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
