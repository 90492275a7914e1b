// Which variants kernels of each kind run on: each ISA takes its own features where a kernel has them.
#include "kernels/routing/kernel_kinds.h"

#include <string>

#include "tests/support/catch.h"

using namespace keel;
using namespace keel::kernels;

namespace {

/// Of convolutions of f32, bf16 and int8.
std::string convolutions_of(const Isa& active) {
    const auto kinds = kernel_kinds(active);
    REQUIRE(kinds.size() == 5);
    return std::string(kinds[0].isa.name) + " " + kinds[1].isa.name + " " + kinds[2].isa.name;
}

}  // namespace

TEST_CASE("kernels of each kind take the best that an ISA has", "[kinds]") {
    CHECK(convolutions_of(Isa::amx) == "avx512 amx amx");
    CHECK(convolutions_of(Isa::avx512_bf16) == "avx512 avx512_bf16 avx512_vnni");
    CHECK(convolutions_of(Isa::avx512_vnni) == "avx512 avx512 avx512_vnni");
    CHECK(convolutions_of(Isa::avx_vnni) == "avx2 avx2 avx_vnni");
    for (const Isa& isa : {Isa::avx2, Isa::scalar})
        for (const KernelKind& kind : kernel_kinds(isa)) CHECK(kind.isa == isa);
    for (const KernelKind& kind : kernel_kinds(Isa::amx)) CHECK(kind.isa == kind.best);
}
