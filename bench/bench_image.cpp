// Normalisation of decoded pixels, one image and one batch, three channels and one.
#include "bench/kernel_bench.h"
#include "kernels/image/image.h"

namespace {

using namespace keel;
using namespace keel::kernels;

const bool added = [] {
    for (const std::int64_t n : {std::int64_t{1}, bench::kBatch})
        for (const int c : {1, 3}) {
            const ImageGeometry g{n * 224 * 224, c};
            const std::string shape = "/" + std::to_string(n) + "x224x224x" + std::to_string(c);
            bench::add("normalize_u8" + shape, [=] {
                return [=, src = Tensor::zeros({g.pixels * c}, DType::u8), dst = bench::filled(g.pixels * c),
                        mean = bench::filled(c), std = bench::filled(c)] {
                    normalize_u8(g, src.data<std::uint8_t>(), mean.data<float>(), std.data<float>(), dst.data<float>());
                };
            });
            bench::add("normalize" + shape, [=] {
                return [=, src = bench::filled(g.pixels * c), dst = bench::filled(g.pixels * c), mean = bench::filled(c),
                        std = bench::filled(c)] {
                    normalize(g, src.data<float>(), mean.data<float>(), std.data<float>(), dst.data<float>());
                };
            });
        }
    return true;
}();

}  // namespace
