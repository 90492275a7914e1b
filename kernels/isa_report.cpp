#include "kernels/isa_report.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace keel {
namespace {

constexpr Features kTiles = Features::amx_tile | Features::amx_int8 | Features::amx_bf16;

bool any(Features all, Features some) {
    return (static_cast<std::uint32_t>(all) & static_cast<std::uint32_t>(some)) != 0;
}

/// Returns the names of those of `wanted` that `all` lacks, with commas between.
std::string lacking(Features all, Features wanted) {
    std::string names;
    for (const FeatureSource& source : kFeatureSources)
        if (contains(wanted, source.feature) && !contains(all, source.feature))
            names += (names.empty() ? "" : ", ") + std::string(source.name);
    return names;
}

std::string hex(std::uint64_t value) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

std::string refusal(int error) {
    const char* reason = error == EINVAL       ? "it is older than 5.16"
                         : error == EOPNOTSUPP ? "it does not support them"
                         : error == ENOSPC     ? "a thread's alternative signal stack is too small"
                                               : std::strerror(error);
    return std::string("Linux refuses the state of AMX's tiles: ") + reason;
}

std::string who_hides(const Processor& p) {
    return p.hypervisor.empty() ? "the firmware or the operating system hides this"
                                : "the hypervisor (" + p.hypervisor + ") hides this";
}

/// Sapphire Rapids, Emerald Rapids, Granite Rapids and its D.
bool is_known_for_amx(const Processor& p) {
    return p.family == 6 && (p.model == 0x8f || p.model == 0xcf || p.model == 0xad || p.model == 0xae);
}

/// Those and the later ones of AMD's, from Zen 4 on.
bool is_known_for_bf16(const Processor& p) {
    const int of_ten = p.model / 16;
    return is_known_for_amx(p) || p.family == 26 ||
           (p.family == 25 && (of_ten == 1 || of_ten == 6 || of_ten == 7 || of_ten == 10));
}

std::string model_of(const Processor& p) {
    return "processors of this family and model (" + std::to_string(p.family) + ", " + std::to_string(p.model) + ")";
}

}  // namespace

std::string why_unavailable(const Isa& isa, const Processor& processor, const TilePermission& permission) {
    if (const std::string names = lacking(processor.named, isa.features); !names.empty())
        return "the processor lacks " + names;
    if (const std::string names = lacking(processor.features, isa.features); !names.empty())
        return "the operating system does not save the registers of " + names + " (XCR0 is " + hex(processor.saved) +
               ")";
    if (contains(isa.features, Features::amx_tile) && !permission.granted) return refusal(permission.error);
    return "";
}

std::vector<std::string> unused_features(const Isa& active, const Processor& processor) {
    std::vector<std::string> names;
    for (const FeatureSource& source : kFeatureSources)
        if (contains(processor.features, source.feature) && !contains(active.features, source.feature))
            names.emplace_back(source.name);
    return names;
}

std::vector<std::string> hidden_features(const Processor& processor) {
    const auto saves = [&](std::uint64_t state) { return (processor.saved & state) == state; };
    const std::string xcr0 = "XCR0 (" + hex(processor.saved) + ")", who = who_hides(processor);
    std::vector<std::string> found;
    if (saves(kSavesZmm) && !contains(processor.named, Features::avx512))
        found.push_back(xcr0 +
                        " has AVX-512's registers saved, but CPUID lacks one of AVX-512's F, BW, DQ and VL: " + who);
    if (saves(kSavesTiles) && !any(processor.named, kTiles))
        found.push_back(xcr0 + " has AMX's tiles saved, but CPUID names no AMX: " + who);
    if (const std::string names = lacking(processor.features, processor.named); !names.empty())
        found.push_back("CPUID names " + names + ", but " + xcr0 + " does not have their registers saved: " + who);
    if (any(processor.named, kTiles) && !contains(processor.named, kTiles))
        found.push_back("CPUID names a part of AMX only and lacks " + lacking(processor.named, kTiles) + ": " + who);
    if (is_known_for_amx(processor) && !any(processor.named, kTiles) && !saves(kSavesTiles))
        found.push_back(model_of(processor) + " have AMX, but CPUID names none: " + who);
    if (is_known_for_bf16(processor) && !contains(processor.named, Features::avx512_bf16))
        found.push_back(model_of(processor) + " have AVX512_BF16, but CPUID does not name it: " + who);
    return found;
}

}  // namespace keel
