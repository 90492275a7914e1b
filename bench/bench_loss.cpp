// Losses and the functions of predictions: 1000 classes of ImageNet, 14 findings of a chest X-ray.
#include "bench/kernel_bench.h"
#include "kernels/loss/loss.h"
#include "kernels/loss/prediction.h"

namespace {

using namespace keel;
using namespace keel::kernels;
using bench::filled;

const bool added = [] {
    for (const std::int64_t classes : {14, 1000}) {
        const LossGeometry g{bench::kBatch, classes};
        const std::int64_t count = g.n * g.classes;
        const std::string shape = "/" + std::to_string(g.n) + "x" + std::to_string(classes);
        const auto labels = [=] { return Tensor::zeros({g.n}, DType::s32); };
        bench::add("softmax_cross_entropy_forward" + shape, [=] {
            return [=, logits = filled(count), p = filled(count), labels = labels()] {
                benchmark::DoNotOptimize(softmax_cross_entropy_forward(
                    g, logits.data<float>(), labels.data<std::int32_t>(), 0, p.data<float>()));
            };
        });
        bench::add("softmax_cross_entropy_backward" + shape, [=] {
            return [=, p = filled(count), diff = filled(count), labels = labels()] {
                softmax_cross_entropy_backward(g, p.data<float>(), labels.data<std::int32_t>(), 0, 1,
                                               diff.data<float>());
            };
        });
        bench::add("soft_cross_entropy_forward" + shape, [=] {
            return [=, logits = filled(count), targets = filled(count), p = filled(count)] {
                benchmark::DoNotOptimize(
                    soft_cross_entropy_forward(g, logits.data<float>(), targets.data<float>(), 0, p.data<float>()));
            };
        });
        bench::add("soft_cross_entropy_backward" + shape, [=] {
            return [=, p = filled(count), targets = filled(count), diff = filled(count)] {
                soft_cross_entropy_backward(g, p.data<float>(), targets.data<float>(), 0, 1, diff.data<float>());
            };
        });
        bench::add("sigmoid_bce_forward" + shape, [=] {
            return [=, logits = filled(count), targets = filled(count)] {
                benchmark::DoNotOptimize(sigmoid_bce_forward(g, logits.data<float>(), targets.data<float>(), nullptr));
            };
        });
        bench::add("sigmoid_bce_backward" + shape, [=] {
            return [=, logits = filled(count), targets = filled(count), diff = filled(count)] {
                sigmoid_bce_backward(g, logits.data<float>(), targets.data<float>(), nullptr, 1, diff.data<float>());
            };
        });
        bench::add("softmax" + shape, [=] {
            return [=, src = filled(count), dst = filled(count)] { softmax(g, src.data<float>(), dst.data<float>()); };
        });
        bench::add("sigmoid" + shape, [=] {
            return
                [=, src = filled(count), dst = filled(count)] { sigmoid(count, src.data<float>(), dst.data<float>()); };
        });
    }
    return true;
}();

}  // namespace
