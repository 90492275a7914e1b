// Instruction sets by name, forced by a scope and by the environment, and what dispatch makes of them.
#include "kernels/cpu.h"

#include <unistd.h>

#include <cstdlib>

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
#include "tests/support/isa.h"

using namespace keel;
using namespace keel::kernels;
using namespace keel::test;

namespace {

/// A list names the best ISA first and scalar last, and `select` takes the best that the active ISA includes.
template <class Variant, std::size_t N>
void check_list(const Variant* const (&variants)[N]) {
    for (std::size_t i = 1; i < N; ++i) CHECK(variants[i - 1]->isa > variants[i]->isa);
    CHECK(variants[N - 1]->isa == Isa::scalar);
    for_each_isa([&] { CHECK(select(variants).isa == std::min(active_isa(), variants[0]->isa)); });
}

/// The exit status of this program's probe (below), run with KEEL_ISA set.
int probe(const std::string& isa) {
    char path[4096] = {};
    REQUIRE(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    return std::system(("KEEL_ISA='" + isa + "' '" + path + "' '[isa_probe]' > /dev/null 2>&1").c_str());
}

}  // namespace

TEST_CASE("names of ISAs go round", "[cpu]") {
    for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512_vnni}) CHECK(isa_from_name(name(isa)) == isa);
    CHECK_THROWS_AS(isa_from_name("mmx"), UsageError);
    CHECK_THROWS_AS(isa_from_name(""), UsageError);
}

TEST_CASE("available ISAs ascend from scalar", "[cpu]") {
    const auto isas = available_isas();
    REQUIRE(!isas.empty());
    CHECK(isas.front() == Isa::scalar);
    for (std::size_t i = 1; i < isas.size(); ++i) CHECK(isas[i - 1] < isas[i]);
}

TEST_CASE("a scope forces the ISA and gives it back", "[cpu]") {
    const Isa before = active_isa();
    for_each_isa([] {
        const IsaScope scalar(Isa::scalar);
        CHECK(active_isa() == Isa::scalar);
    });
    CHECK(active_isa() == before);
    if (available_isas().back() != Isa::avx512_vnni) CHECK_THROWS_AS(IsaScope(Isa::avx512_vnni), UsageError);
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

TEST_CASE("the ISA of the environment is the one that runs", "[cpu][isa_probe]") {
    const char* wanted = std::getenv("KEEL_ISA");
    CHECK(active_isa() == (wanted == nullptr ? available_isas().back() : isa_from_name(wanted)));
    CHECK(select(eltwise_variants).isa == std::min(active_isa(), Isa::avx512));
}

TEST_CASE("KEEL_ISA forces the ISA of a whole program, and unknown or missing ones are refused", "[cpu]") {
    for (const Isa isa : available_isas()) CHECK(probe(std::string(name(isa))) == 0);
    CHECK(probe("mmx") != 0);
    if (available_isas().back() != Isa::avx512_vnni) CHECK(probe("avx512_vnni") != 0);
}
