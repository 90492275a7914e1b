// Updates of single parameters: the models' batch norms, convolutions and classifiers.
#include "bench/kernel_bench.h"
#include "kernels/optimizer/optimizer.h"

namespace {

using namespace keel;
using namespace keel::kernels;
using bench::filled;

const bool added = [] {
    for (const std::int64_t n :
         {std::int64_t{256}, std::int64_t{128} * 32 * 9, std::int64_t{512} * 512 * 9, std::int64_t{2048} * 1000}) {
        const std::string count = "/" + std::to_string(n);
        bench::add("sgd_update" + count, [=] {
            return [=, diff = filled(n), velocity = filled(n), weights = filled(n)] {
                sgd_update<float>(n, {1e-3, 0.9, 1e-4, false, false}, diff.data<float>(), velocity.data<float>(),
                                  weights.data<float>());
            };
        });
        bench::add("adam_update" + count, [=] {
            return [=, diff = filled(n), first = filled(n), second = filled(n), weights = filled(n)] {
                adam_update<float>(n, {1e-3, 0.9, 0.999, 1e-8, 1e-4, true, 1}, diff.data<float>(), first.data<float>(),
                                   second.data<float>(), weights.data<float>());
            };
        });
    }
    return true;
}();

}  // namespace
