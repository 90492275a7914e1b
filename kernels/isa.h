// The instruction sets that kernels are written for: one table of processor features and one of named sets of them.
// This header and the flags in cmake/keel_isas.cmake are all that a new one needs beside its kernels
// (docs/adding_a_kernel.md). Nothing of the STL is used, for the files compiled for an ISA include it.
#pragma once

#include <cstdint>

namespace keel {

/// A set of what processors can do, a bit each.
enum class Features : std::uint32_t {
    none = 0,
    fma = 1U << 0,
    avx2 = 1U << 1,
    avx512 = 1U << 2,  ///< F, BW, DQ and VL (Skylake-SP)
    avx512_vnni = 1U << 3,
    avx_vnni = 1U << 4,
    avx512_bf16 = 1U << 5,
    amx_tile = 1U << 6,
    amx_int8 = 1U << 7,
    amx_bf16 = 1U << 8,
};

constexpr Features operator|(Features a, Features b) {
    return static_cast<Features>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}

/// Whether each feature of `some` is one of `all`.
constexpr bool contains(Features all, Features some) {
    return (static_cast<std::uint32_t>(all) & static_cast<std::uint32_t>(some)) == static_cast<std::uint32_t>(some);
}

/// Where a processor tells of a feature: all of `bits` in a register that CPUID returns, and the registers' state that
/// the operating system must save (bits of XCR0).
struct FeatureSource {
    Features feature;
    const char* name;
    unsigned leaf, subleaf;
    enum Register { eax, ebx, ecx, edx } result;
    std::uint32_t bits;
    std::uint64_t saved;
};

inline constexpr std::uint64_t kSavesYmm = 0x6, kSavesZmm = 0xe6, kSavesTiles = 0x60000;

inline constexpr FeatureSource kFeatureSources[] = {
    {Features::fma, "fma", 1, 0, FeatureSource::ecx, 1U << 12, kSavesYmm},
    {Features::avx2, "avx2", 7, 0, FeatureSource::ebx, 1U << 5, kSavesYmm},
    {Features::avx512, "avx512", 7, 0, FeatureSource::ebx, 1U << 16 | 1U << 17 | 1U << 30 | 1U << 31, kSavesZmm},
    {Features::avx512_vnni, "avx512_vnni", 7, 0, FeatureSource::ecx, 1U << 11, kSavesZmm},
    {Features::avx_vnni, "avx_vnni", 7, 1, FeatureSource::eax, 1U << 4, kSavesYmm},
    {Features::avx512_bf16, "avx512_bf16", 7, 1, FeatureSource::eax, 1U << 5, kSavesZmm},
    {Features::amx_tile, "amx_tile", 7, 0, FeatureSource::edx, 1U << 24, kSavesTiles},
    {Features::amx_int8, "amx_int8", 7, 0, FeatureSource::edx, 1U << 25, kSavesTiles},
    {Features::amx_bf16, "amx_bf16", 7, 0, FeatureSource::edx, 1U << 22, kSavesTiles},
};

/// A set of features with a name, which is what KEEL_ISA says and what the files compiled for it end in. Sets need not
/// contain one another.
struct Isa {
    const char* name;
    Features features;

    constexpr bool includes(const Isa& other) const { return contains(features, other.features); }
    constexpr bool operator==(const Isa& other) const { return features == other.features; }

    static const Isa scalar, avx2, avx_vnni, avx512, avx512_vnni, avx512_bf16, amx;
};

inline constexpr Isa Isa::scalar{"scalar", Features::none};
inline constexpr Isa Isa::avx2{"avx2", Features::fma | Features::avx2};
/// Processors of clients since Alder Lake, and servers of efficient cores alone, which have no AVX-512.
inline constexpr Isa Isa::avx_vnni{"avx_vnni", Isa::avx2.features | Features::avx_vnni};
inline constexpr Isa Isa::avx512{"avx512", Isa::avx2.features | Features::avx512};
inline constexpr Isa Isa::avx512_vnni{"avx512_vnni", Isa::avx512.features | Features::avx512_vnni};
inline constexpr Isa Isa::avx512_bf16{"avx512_bf16", Isa::avx512_vnni.features | Features::avx512_bf16};
/// What all processors with tiles have (Sapphire Rapids and later). Linux must let the process use tiles as well:
/// tile_permission() (kernels/cpu.h).
inline constexpr Isa Isa::amx{"amx",
                              Isa::avx512_bf16.features | Features::amx_tile | Features::amx_int8 | Features::amx_bf16};

/// All of them. Where KEEL_ISA says nothing, the last one that the machine has is used.
inline constexpr Isa kIsas[] = {Isa::scalar,      Isa::avx2,        Isa::avx_vnni, Isa::avx512,
                                Isa::avx512_vnni, Isa::avx512_bf16, Isa::amx};

}  // namespace keel
