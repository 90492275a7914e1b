// Instruction sets by name, forced by a scope and by the environment, and what dispatch makes of them.
#include "kernels/cpu.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string>

#include "kernels/batch_norm/variants.h"
#include "kernels/dispatch.h"
#include "kernels/dropout/variants.h"
#include "kernels/eltwise/variants.h"
#include "kernels/error.h"
#include "kernels/image/variants.h"
#include "kernels/loss/variants.h"
#include "kernels/optimizer/variants.h"
#include "kernels/pool/variants.h"
#include "kernels/qconv/variants.h"
#include "kernels/quant/variants.h"
#include "kernels/reduce/variants.h"
#include "tests/support/contains.h"
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

/// A list ends in scalar, no variant hides one further on, and what `select` takes needs no more than the active ISA
/// has, while all before it need more.
template <class Variant, std::size_t N>
void check_list(const Variant* const (&variants)[N]) {
    for (std::size_t i = 0; i < N; ++i)
        for (std::size_t later = i + 1; later < N; ++later)
            CHECK_FALSE(variants[later]->isa.includes(variants[i]->isa));
    CHECK(variants[N - 1]->isa == Isa::scalar);
    for_each_isa([&] {
        const Variant* chosen = &select(variants);
        CHECK(active_isa().includes(chosen->isa));
        for (const Variant* variant : variants) {
            if (variant == chosen) break;
            CHECK_FALSE(active_isa().includes(variant->isa));
        }
    });
}

/// The exit status of this program's probe (below), run with KEEL_ISA set.
int probe(const std::string& isa) {
    char path[4096] = {};
    REQUIRE(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    return std::system(("KEEL_ISA='" + isa + "' '" + path + "' '[isa_probe]' > /dev/null 2>&1").c_str());
}

}  // namespace

TEST_CASE("names of ISAs go round", "[cpu]") {
    for (const Isa& isa : kIsas) CHECK(isa_from_name(isa.name) == isa);
    for (const char* name : {"scalar", "avx2", "avx512", "avx512_vnni", "amx"})
        CHECK(isa_from_name(name).name == std::string(name));
    CHECK_THROWS_AS(isa_from_name("mmx"), UsageError);
    CHECK_THROWS_AS(isa_from_name(""), UsageError);
}

TEST_CASE("the table of ISAs has distinct names and sets, and none hides a later one", "[cpu]") {
    for (std::size_t i = 0; i < std::size(kIsas); ++i)
        for (std::size_t later = i + 1; later < std::size(kIsas); ++later) {
            CHECK(std::string(kIsas[i].name) != kIsas[later].name);
            CHECK_FALSE(kIsas[i].includes(kIsas[later]));  // the last one that a machine has is its best
        }
    Features known = Features::none;
    for (const FeatureSource& source : kFeatureSources) {
        CHECK_FALSE(contains(known, source.feature));
        known = known | source.feature;
    }
    for (const Isa& isa : kIsas) CHECK(contains(known, isa.features));
}

TEST_CASE("available ISAs are those whose features the machine has, from scalar on", "[cpu]") {
    const auto isas = available_isas();
    REQUIRE(!isas.empty());
    CHECK(isas.front() == Isa::scalar);
    for (const Isa& isa : kIsas)
        CHECK((std::ranges::find(isas, isa) != isas.end()) ==
              (contains(processor().features, isa.features) && (isa != Isa::amx || tile_permission().granted)));
}

TEST_CASE("a variant is selected by its set of features, where sets do not contain one another", "[cpu]") {
    struct Variant {
        Isa isa;
    };
    constexpr Isa kBf16{"bf16", Isa::avx512.features | Features::avx512_bf16};
    constexpr Isa kAmx{"amx", kBf16.features | Features::amx_tile | Features::amx_bf16};
    constexpr Isa kAvxVnni{"avx_vnni", Isa::avx2.features | Features::avx_vnni};
    static constexpr Variant amx{kAmx}, bf16{kBf16}, vnni{Isa::avx512_vnni}, avx_vnni{kAvxVnni}, avx2{Isa::avx2},
        scalar{Isa::scalar};
    constexpr const Variant* variants[] = {&amx, &bf16, &vnni, &avx_vnni, &avx2, &scalar};
    const auto chosen = [&](Features features) { return std::string(select(variants, {"given", features}).isa.name); };
    CHECK(chosen(kAmx.features) == "amx");
    CHECK(chosen(kAmx.features | Isa::avx512_vnni.features) == "amx");
    CHECK(chosen(kBf16.features | Features::amx_tile | Features::amx_int8) == "bf16");
    CHECK(chosen(Isa::avx512_vnni.features) == "avx512_vnni");
    CHECK(chosen(kAvxVnni.features) == "avx_vnni");
    CHECK(chosen(kAvxVnni.features | Isa::avx512.features) == "avx_vnni");
    CHECK(chosen(Isa::avx512.features) == "avx2");
    CHECK(chosen(Features::avx2) == "scalar");  // without FMA
    CHECK(chosen(Features::none) == "scalar");
}

TEST_CASE("a scope forces the ISA and gives it back", "[cpu]") {
    const Isa before = active_isa();
    for_each_isa([] {
        const IsaScope scalar(Isa::scalar);
        CHECK(active_isa() == Isa::scalar);
    });
    CHECK(active_isa() == before);
    if (available_isas().back() != Isa::amx)
        CHECK_THROWS_WITH(IsaScope(Isa::amx), contains("asks for amx, this machine has scalar"));
}

TEST_CASE("the forced ISA's variant is the one that is selected, in every family", "[cpu]") {
    check_list(batch_norm_variants);
    check_list(dropout_variants);
    check_list(eltwise_variants);
    check_list(image_variants);
    check_list(loss_variants);
    check_list(optimizer_variants);
    check_list(pool_variants);
    check_list(qconv_variants);
    check_list(quant_variants);
    check_list(reduce_variants);
}

TEST_CASE("where tiles are used, kernels of floats stay those of AVX-512", "[cpu]") {
    const auto chosen = [](const auto& variants) { return std::string(select(variants, Isa::amx).isa.name); };
    CHECK(chosen(qconv_variants) == "amx");
    CHECK(chosen(batch_norm_variants) == "avx512");
    CHECK(chosen(eltwise_variants) == "avx512");
    CHECK(chosen(optimizer_variants) == "avx512");
    CHECK(chosen(quant_variants) == "avx512");
}

TEST_CASE("the ISA of the environment is the one that runs", "[cpu][isa_probe]") {
    const char* wanted = std::getenv("KEEL_ISA");
    CHECK(active_isa() == (wanted == nullptr ? available_isas().back() : isa_from_name(wanted)));
    for (const Isa& isa : {Isa::avx512, Isa::avx2, Isa::scalar}) {
        if (!active_isa().includes(isa)) continue;
        CHECK(select(eltwise_variants).isa == isa);
        break;
    }
}

TEST_CASE("KEEL_ISA forces the ISA of a whole program, and unknown or missing ones are refused", "[cpu][shell]") {
    for (const Isa& isa : available_isas()) CHECK(probe(isa.name) == 0);
    CHECK(probe("mmx") != 0);
    if (available_isas().back() != Isa::amx) CHECK(probe("amx") != 0);
}
