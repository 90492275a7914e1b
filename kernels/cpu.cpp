#include "kernels/cpu.h"

#include <cpuid.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/error.h"

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

Features read_features() {
    constexpr unsigned kSavesRegisters = 1U << 27;  // OSXSAVE, in leaf 1's ecx
    unsigned r[4] = {};
    if (__get_cpuid(1, r, r + 1, r + 2, r + 3) == 0 || (r[2] & kSavesRegisters) == 0) return Features::none;
    const std::uint64_t saved = saved_registers();
    Features features = Features::none;
    for (const FeatureSource& source : kFeatureSources) {
        // A subleaf that the processor lacks reads as zeros.
        if (__get_cpuid_count(source.leaf, source.subleaf, r, r + 1, r + 2, r + 3) == 0) continue;
        if ((r[source.result] & source.bits) == source.bits && (saved & source.saved) == source.saved)
            features = features | source.feature;
    }
    return features;
}

/// Throws UsageError that says who asked.
const Isa& require_available(const Isa& isa, const char* asked) {
    std::string available;
    for (const Isa& one : available_isas()) {
        if (one == isa) return isa;
        available += (available.empty() ? "" : ", ") + std::string(one.name);
    }
    throw UsageError(std::string("[cpu] ") + asked + " asks for " + isa.name + ", this machine has " + available);
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
    static const Processor read{read_brand(), read_features()};
    return read;
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
    static const std::vector<Isa> isas = [] {
        std::vector<Isa> list;
        for (const Isa& isa : kIsas)
            if (contains(processor().features, isa.features)) list.push_back(isa);
        return list;
    }();
    return isas;
}

const Isa& active_isa() { return active(); }

IsaScope::IsaScope(const Isa& isa) : before_(active()) { active() = require_available(isa, "a scope"); }

IsaScope::~IsaScope() { active() = before_; }

}  // namespace keel
