#include "kernels/cpu.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/error.h"
#include "kernels/immortal.h"
#include "kernels/isa_report.h"

namespace keel {
namespace {

/// Returns XCR0: which registers the operating system saves.
std::uint64_t saved_registers() {
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

/// Reads a register of CPUID's; 0 where the processor lacks the leaf. A subleaf that it lacks reads as zeros.
std::uint32_t cpuid(unsigned leaf, unsigned subleaf, FeatureSource::Register result) {
    unsigned r[4] = {};
    return __get_cpuid_count(leaf, subleaf, r, r + 1, r + 2, r + 3) == 0 ? 0 : r[result];
}

std::string read_hypervisor() {
    constexpr unsigned kIsGuest = 1U << 31, kSignature = 0x40000000;
    if ((cpuid(1, 0, FeatureSource::ecx) & kIsGuest) == 0) return "";
    unsigned most = 0, words[3] = {};
    __cpuid(kSignature, most, words[0], words[1], words[2]);
    char text[sizeof words + 1] = {};
    std::memcpy(text, words, sizeof words);
    return *text == '\0' ? "unknown" : text;
}

Processor read_processor() {
    constexpr unsigned kSavesRegisters = 1U << 27;  // OSXSAVE, in leaf 1's ecx
    Processor p;
    p.brand = read_brand();
    const std::uint32_t signature = cpuid(1, 0, FeatureSource::eax);
    p.family = static_cast<int>((signature >> 8 & 15) + (signature >> 20 & 255));
    p.model = static_cast<int>((signature >> 4 & 15) | (signature >> 12 & 0xf0));
    p.hypervisor = read_hypervisor();
    if ((cpuid(1, 0, FeatureSource::ecx) & kSavesRegisters) != 0) p.saved = saved_registers();
    for (const FeatureSource& source : kFeatureSources) {
        if ((cpuid(source.leaf, source.subleaf, source.result) & source.bits) != source.bits) continue;
        p.named = p.named | source.feature;
        if ((p.saved & source.saved) == source.saved) p.features = p.features | source.feature;
    }
    return p;
}

/// Asks Linux for the state of the tiles' data, for all threads of the process, and those that they start.
TilePermission ask_for_tiles() {
    constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, which older headers lack; XCR0's bit
    if (syscall(SYS_arch_prctl, kRequest, kTileData) == 0) return {true, 0};
    return {false, errno};
}

bool is_available(const Isa& isa) {
    return contains(processor().features, isa.features) &&
           (!contains(isa.features, Features::amx_tile) || tile_permission().granted);
}

/// Throws UsageError that says who asked.
const Isa& require_available(const Isa& isa, const char* asked) {
    if (is_available(isa)) return isa;
    std::string available;
    for (const Isa& one : available_isas()) available += (available.empty() ? "" : ", ") + std::string(one.name);
    const bool ask = contains(processor().features, isa.features);  // then the permission is what is missing
    throw UsageError(std::string("[cpu] ") + asked + " asks for " + isa.name + ", this machine has " + available +
                     ": " + why_unavailable(isa, processor(), ask ? tile_permission() : TilePermission{}));
}

Isa isa_from_environment() {
    const char* text = std::getenv("KEEL_ISA");
    if (text == nullptr || *text == '\0') return available_isas().back();
    return require_available(isa_from_name(text), "KEEL_ISA");
}

Isa& active() {
    static Isa isa = isa_from_environment();
    return isa;
}

}  // namespace

const Processor& processor() {
    static constinit Immortal<const Processor> read;
    return read.get(read_processor);
}

const TilePermission& tile_permission() {
    static const TilePermission answer = ask_for_tiles();
    return answer;
}

Isa isa_from_name(std::string_view text) {
    std::string names;
    for (const Isa& isa : kIsas) {
        if (isa.name == text) return isa;
        names += (names.empty() ? "" : ", ") + std::string(isa.name);
    }
    throw UsageError("[cpu] unknown ISA '" + std::string(text) + "', wanted one of " + names);
}

std::span<const Isa> available_isas() {
    static constinit Immortal<const std::vector<Isa>> isas;
    return isas.get([] {
        std::vector<Isa> list;
        for (const Isa& isa : kIsas)
            if (is_available(isa)) list.push_back(isa);
        return list;
    });
}

const Isa& processors_isa() {
    const Isa* best = kIsas;
    for (const Isa& isa : kIsas)
        if (contains(processor().features, isa.features)) best = &isa;
    return *best;
}

const Isa& active_isa() { return active(); }

IsaScope::IsaScope(const Isa& isa) : before_(active()) { active() = require_available(isa, "a scope"); }

IsaScope::~IsaScope() { active() = before_; }

}  // namespace keel
