// Dropout of one image's activations: a dense layer's new channels, and VGG's classifier.
#include "bench/kernel_bench.h"
#include "kernels/dropout/dropout.h"

namespace {

using namespace keel;

const bool added = [] {
    for (const std::int64_t count : {56 * 56 * 32, 28 * 28 * 32, 7 * 7 * 32, 4096})
        bench::add("dropout/" + std::to_string(count), [=] {
            return [=, src = bench::filled(count), dst = bench::filled(count)] {
                kernels::dropout(count, 0.2, 1, src.data<float>(), dst.data<float>());
            };
        });
    return true;
}();

}  // namespace
