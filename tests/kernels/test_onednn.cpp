// Which of oneDNN's implementations the models' convolutions run on.
#include <string>
#include <vector>

#include "bench/model_shapes.h"
#include "kernels/cpu.h"
#include "kernels/onednn/library.h"
#include "tests/support/catch.h"

using namespace keel;
using namespace keel::kernels;

namespace {

bool is_generated(const std::string& implementation) {
    return implementation.rfind("jit", 0) == 0 || implementation.rfind("brg", 0) == 0;
}

void check_all(const std::vector<Conv2dGeometry>& shapes) {
    for (const Conv2dGeometry& g : shapes) {
        const ConvImplementations names = conv2d_implementations(g);
        INFO(g.n << "x" << g.ih << "x" << g.iw << "x" << g.ic << " -> " << g.oc << ", kernel " << g.kh << ", stride "
                 << g.stride_h);
        INFO(names.forward << ", " << names.backward_data << ", " << names.backward_weights);
        CHECK(is_generated(names.forward));
        if (g.ic > 3) CHECK(is_generated(names.backward_data));  // nobody asks for the images' gradient
        CHECK(is_generated(names.backward_weights));
    }
}

}  // namespace

TEST_CASE("no convolution of the models falls to oneDNN's slow implementations", "[onednn]") {
    if (!active_isa().includes(Isa::avx2)) {
        WARN("oneDNN generates code for NHWC maps from AVX2 on");
        return;
    }
    for (const std::int64_t batch : {1, 16}) {
        check_all(bench::distinct(bench::resnet50_convolutions(batch)));
        for (const auto pool : {bench::TransitionPool::after, bench::TransitionPool::before})
            check_all(bench::distinct(bench::densenet121_convolutions(batch, pool)));
    }
}

TEST_CASE("the lists of the models' convolutions are complete", "[onednn]") {
    const auto macs = [](const std::vector<Conv2dGeometry>& shapes) {
        std::int64_t total = 0;
        for (const Conv2dGeometry& g : shapes) total += g.macs();
        return total;
    };
    const auto resnet50 = bench::resnet50_convolutions(1);
    const auto published = bench::densenet121_convolutions(1, bench::TransitionPool::after);
    const auto pooled_first = bench::densenet121_convolutions(1, bench::TransitionPool::before);
    CHECK(resnet50.size() == 53);
    CHECK(bench::distinct(resnet50).size() == 23);
    CHECK(published.size() == 120);
    CHECK(pooled_first.size() == 120);
    // torchvision's 4.09 and 2.83 billion multiply-adds without those of the classifiers and batch norms.
    CHECK(macs(resnet50) == 4'087'136'256);
    CHECK(macs(published) == 2'833'137'664);
    CHECK(macs(published) - macs(pooled_first) ==
          3 * (56 * 56 * 256 * 128 + 28 * 28 * 512 * 256 + 14 * 14 * 1024 * 512) / 4);
}

TEST_CASE("oneDNN stays within the ISA that KEEL_ISA forces", "[onednn]") {
    const ConvImplementations names = conv2d_implementations(bench::square_conv(2, 14, 64, 64, 3));
    for (const std::string& name : {names.forward, names.backward_data, names.backward_weights}) {
        INFO(name);
        CHECK((active_isa().includes(Isa::avx512) || name.find("avx512") == std::string::npos));
        CHECK((active_isa().includes(Isa::avx2) || name.find("avx") == std::string::npos));
        CHECK((active_isa() != Isa::avx2 || name.find("avx2") != std::string::npos));
    }
}

TEST_CASE("the convolution library names itself", "[onednn]") {
    const std::string library = convolution_library();
    INFO(library);
    CHECK((library[0] == '2' || library[0] == '3'));
    CHECK((library.ends_with(" (OpenMP)") || library.ends_with(" (TBB)") || library.ends_with(" (SYCL)")));
}
