// What is said of processors whose features are missing, masked or refused: made-up readings of CPUID and XCR0.
#include "kernels/isa_report.h"

#include <cerrno>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::test;

namespace {

constexpr std::uint64_t kSavesSse = 0x1, kSavesAll = kSavesSse | kSavesZmm | kSavesTiles;

/// A reading as kernels/cpu.cpp makes it: features count where their registers are saved.
Processor reading(Features named, std::uint64_t saved) {
    Processor p;
    p.family = 6;
    p.model = 0x6a;
    p.named = named;
    p.saved = saved;
    for (const FeatureSource& source : kFeatureSources)
        if (contains(named, source.feature) && (saved & source.saved) == source.saved)
            p.features = p.features | source.feature;
    return p;
}

/// The only sentence about a processor.
std::string hidden(const Processor& p) {
    const std::vector<std::string> found = hidden_features(p);
    REQUIRE(found.size() == 1);
    return found[0];
}

}  // namespace

TEST_CASE("a whole processor hides nothing, and its ISAs want the permission alone", "[isa_report]") {
    const Processor sapphire_rapids = reading(Isa::amx.features | Features::avx_vnni, kSavesAll);
    CHECK(hidden_features(sapphire_rapids).empty());
    for (const Isa& isa : kIsas) CHECK(why_unavailable(isa, sapphire_rapids, {true, 0}).empty());
    CHECK(why_unavailable(Isa::avx512_vnni, sapphire_rapids, {false, EINVAL}).empty());
    CHECK(why_unavailable(Isa::amx, sapphire_rapids, {false, EINVAL}) ==
          "Linux refuses the state of AMX's tiles: it is older than 5.16");
    CHECK_THAT(why_unavailable(Isa::amx, sapphire_rapids, {false, ENOSPC}), contains("alternative signal stack"));
    CHECK_THAT(why_unavailable(Isa::amx, sapphire_rapids, {false, EPERM}), contains("Operation not permitted"));
    CHECK(hidden_features(reading(Isa::avx2.features, kSavesSse | kSavesYmm)).empty());
    CHECK(hidden_features(reading(Features::none, 0)).empty());
}

TEST_CASE("what a processor lacks is named", "[isa_report]") {
    const Processor ice_lake = reading(Isa::avx512_vnni.features, kSavesSse | kSavesZmm);
    CHECK(why_unavailable(Isa::amx, ice_lake, {}) == "the processor lacks avx512_bf16, amx_tile, amx_int8, amx_bf16");
    CHECK(hidden_features(ice_lake).empty());
    const Processor zen4 =
        reading(Isa::avx512_vnni.features | Features::avx512_bf16 | Features::avx_vnni, kSavesSse | kSavesZmm);
    CHECK(unused_features(Isa::avx512_vnni, zen4) == std::vector<std::string>{"avx_vnni", "avx512_bf16"});
    CHECK(unused_features(Isa::amx, zen4) == std::vector<std::string>{"avx_vnni"});
}

TEST_CASE("features that CPUID names and XCR0 does not save are seen, and the reverse", "[isa_report]") {
    Processor unsaved = reading(Isa::amx.features, kSavesSse | kSavesZmm);
    CHECK(why_unavailable(Isa::amx, unsaved, {}) ==
          "the operating system does not save the registers of amx_tile, amx_int8, amx_bf16 (XCR0 is 0xe7)");
    CHECK_THAT(hidden(unsaved), contains("CPUID names amx_tile, amx_int8, amx_bf16, but XCR0 (0xe7)"));
    CHECK_THAT(hidden(unsaved), contains("the firmware or the operating system hides this"));
    unsaved.hypervisor = "KVMKVMKVM";
    CHECK_THAT(hidden(unsaved), contains("the hypervisor (KVMKVMKVM) hides this"));

    const Processor unnamed = reading(Isa::avx512_vnni.features, kSavesAll);
    CHECK_THAT(hidden(unnamed), contains("XCR0 (0x600e7) has AMX's tiles saved, but CPUID names no AMX"));
    const Processor no_avx512 = reading(Isa::avx2.features, kSavesSse | kSavesZmm);
    CHECK_THAT(hidden(no_avx512), contains("XCR0 (0xe7) has AVX-512's registers saved, but CPUID lacks one of"));
}

TEST_CASE("a part of AMX, and a model known for AMX without any, are seen", "[isa_report]") {
    const Processor part = reading(Isa::avx512_vnni.features | Features::amx_tile | Features::amx_bf16, kSavesAll);
    CHECK_THAT(hidden(part), contains("CPUID names a part of AMX only and lacks amx_int8"));
    Processor older_model = reading(Isa::avx512_bf16.features, kSavesSse | kSavesZmm);
    older_model.model = 0x8f;
    CHECK_THAT(hidden(older_model), contains("of this family and model (6, 143) have AMX, but CPUID names none"));
}

TEST_CASE("a model known for AVX512_BF16 that does not name it is seen", "[isa_report]") {
    Processor zen4 = reading(Isa::avx512_vnni.features, kSavesSse | kSavesZmm);
    zen4.family = 25;
    zen4.hypervisor = "KVMKVMKVM";
    for (const int model : {0x11, 0x61, 0x7c, 0xa0}) {
        zen4.model = model;
        CHECK_THAT(hidden(zen4), contains("have AVX512_BF16, but CPUID does not name it: the hypervisor (KVMKVMKVM)"));
    }
    zen4.model = 0x01;  // Zen 3 has none
    CHECK(hidden_features(zen4).empty());
    Processor zen5 = reading(Isa::avx512_bf16.features, kSavesSse | kSavesZmm);
    zen5.family = 26;
    CHECK(hidden_features(zen5).empty());
    zen5.named = zen5.features = Isa::avx512_vnni.features;
    CHECK_THAT(hidden(zen5), contains("(26, 106) have AVX512_BF16"));
}

TEST_CASE("the reading of this machine is consistent with what is available", "[isa_report]") {
    for (const Isa& isa : available_isas()) {
        const bool tiles = contains(isa.features, Features::amx_tile);
        CHECK(why_unavailable(isa, processor(), tiles ? tile_permission() : TilePermission{}).empty());
    }
    CHECK(contains(processor().named, processor().features));
    CHECK(processors_isa().includes(available_isas().back()));
}
