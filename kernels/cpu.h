// What the processor can do, and which instruction set the hand-written kernels use.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace keel {

/// Instruction sets the kernels are written for, weakest first: each includes the ones before it.
/// `avx512` is F+BW+DQ+VL (Skylake-SP), `avx512_vnni` adds VNNI (Cascade Lake).
enum class Isa { scalar, avx2, avx512, avx512_vnni };

struct CpuFeatures {
    std::string brand;  ///< e.g. "Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz"
    bool fma = false, avx2 = false, avx512 = false, avx512_vnni = false;
};

/// Read once with CPUID and XGETBV (the operating system must save the registers, too).
const CpuFeatures& cpu_features();

std::string_view name(Isa isa);

/// The inverse of `name`; throws UsageError that lists the known names.
Isa isa_from_name(std::string_view text);

/// The ISAs that this machine can run, weakest first; always holds `scalar`.
std::span<const Isa> available_isas();

/// The ISA every dispatch uses: `KEEL_ISA` if set, else the best available.
/// Throws UsageError if `KEEL_ISA` names an unknown ISA or one that this machine lacks.
Isa active_isa();

/// Forces the ISA for the lifetime of the object, e.g. in a test. Not while kernels run on another thread.
class IsaScope {
public:
    explicit IsaScope(Isa isa);
    ~IsaScope();
    IsaScope(const IsaScope&) = delete;
    IsaScope& operator=(const IsaScope&) = delete;

private:
    Isa before_;
};

}  // namespace keel
