// Reductions of a gradient: its norm, and the watch for NaN and infinity.
#include "bench/kernel_bench.h"
#include "kernels/reduce/reduce.h"

namespace {

using namespace keel;

const bool added = [] {
    for (const std::int64_t n :
         {std::int64_t{256}, std::int64_t{128} * 32 * 9, std::int64_t{512} * 512 * 9, std::int64_t{2048} * 1000}) {
        const std::string count = "/" + std::to_string(n);
        bench::add("sum_of_squares" + count, [=] {
            return [=, src = bench::filled(n)] {
                benchmark::DoNotOptimize(kernels::sum_of_squares(n, src.data<float>()));
            };
        });
        bench::add("all_finite" + count, [=] {
            return [=, src = bench::filled(n)] { benchmark::DoNotOptimize(kernels::all_finite(n, src.data<float>())); };
        });
    }
    return true;
}();

}  // namespace
