#include "kernels/cpu.h"

#include <cpuid.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::array<std::string_view, 4> kIsaNames{"scalar", "avx2", "avx512", "avx512_vnni"};

bool bit(unsigned word, int index) { return ((word >> index) & 1U) != 0; }

std::uint64_t enabled_registers() {
    std::uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (std::uint64_t{high} << 32) | low;
}

std::string read_brand() {
    unsigned words[12] = {};
    if (static_cast<unsigned>(__get_cpuid_max(0x80000000U, nullptr)) < 0x80000004U) return "unknown";
    for (unsigned leaf = 0; leaf < 3; ++leaf) {
        unsigned* w = words + 4 * leaf;
        __get_cpuid(0x80000002U + leaf, w, w + 1, w + 2, w + 3);
    }
    char text[sizeof words + 1] = {};
    std::memcpy(text, words, sizeof words);
    std::string brand = text;
    brand.erase(0, brand.find_first_not_of(' '));
    brand.erase(brand.find_last_not_of(' ') + 1);
    return brand;
}

CpuFeatures read_features() {
    CpuFeatures features;
    features.brand = read_brand();
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || !bit(c, 27)) return features;  // no OSXSAVE: no wide registers
    const bool fma = bit(c, 12);
    const std::uint64_t registers = enabled_registers();
    const bool ymm = (registers & 0x6U) == 0x6U, zmm = (registers & 0xE6U) == 0xE6U;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return features;
    features.fma = fma && ymm;
    features.avx2 = bit(b, 5) && ymm;
    features.avx512 = zmm && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31);  // F, DQ, BW, VL
    features.avx512_vnni = features.avx512 && bit(c, 11);
    return features;
}

Isa isa_from_environment() {
    const Isa best = available_isas().back();
    const char* text = std::getenv("KEEL_ISA");
    if (text == nullptr || *text == '\0') return best;
    const Isa wanted = isa_from_name(text);
    if (wanted > best)
        throw UsageError("[cpu] KEEL_ISA asks for " + std::string(name(wanted)) + ", the best this machine has is " +
                         std::string(name(best)));
    return wanted;
}

Isa& active() {
    static Isa isa = isa_from_environment();
    return isa;
}

}  // namespace

const CpuFeatures& cpu_features() {
    static const CpuFeatures features = read_features();
    return features;
}

std::string_view name(Isa isa) { return kIsaNames[static_cast<std::size_t>(isa)]; }

Isa isa_from_name(std::string_view text) {
    for (std::size_t i = 0; i < kIsaNames.size(); ++i)
        if (kIsaNames[i] == text) return static_cast<Isa>(i);
    throw UsageError("[cpu] unknown ISA '" + std::string(text) + "', wanted scalar, avx2, avx512 or avx512_vnni");
}

std::span<const Isa> available_isas() {
    static const std::vector<Isa> isas = [] {
        const CpuFeatures& cpu = cpu_features();
        std::vector<Isa> list{Isa::scalar};
        if (cpu.avx2 && cpu.fma) list.push_back(Isa::avx2);
        if (list.back() == Isa::avx2 && cpu.avx512) list.push_back(Isa::avx512);
        if (list.back() == Isa::avx512 && cpu.avx512_vnni) list.push_back(Isa::avx512_vnni);
        return list;
    }();
    return isas;
}

Isa active_isa() { return active(); }

IsaScope::IsaScope(Isa isa) : before_(active()) {
    if (isa > available_isas().back())
        throw UsageError("[cpu] " + std::string(name(isa)) + " was forced, the best this machine has is " +
                         std::string(name(available_isas().back())));
    active() = isa;
}

IsaScope::~IsaScope() { active() = before_; }

}  // namespace keel
