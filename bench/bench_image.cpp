// Blending rows of decoded pixels, the vertical half of a resize from 1024 to 224.
#include <vector>

#include "bench/kernel_bench.h"
#include "kernels/image/image.h"

namespace {

using namespace keel;
using namespace keel::kernels;

const bool added = [] {
    for (const std::int64_t channels : {1, 3}) {
        constexpr int kTaps = 10;
        const RowBlend blend{1024 * channels, 1024 * channels, kTaps};
        bench::add("blend_rows/1024x" + std::to_string(channels), [=] {
            return [=, src = Tensor::zeros({kTaps * blend.ld}, DType::u8), dst = bench::filled(blend.n),
                    weights = std::vector<float>(kTaps, 0.1F)] {
                blend_rows(blend, weights.data(), src.data<std::uint8_t>(), dst.data<float>());
            };
        });
    }
    return true;
}();

}  // namespace
