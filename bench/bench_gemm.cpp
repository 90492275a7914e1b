// Matrix products: the classifiers in their three directions, and the models' 1x1 convolutions written as products of
// [pixels, ic] and [oc, ic] transposed.
#include "bench/kernel_bench.h"
#include "kernels/routing/gemm.h"

namespace {

using namespace keel;
using kernels::GemmGeometry;

void add(const std::string& name, const GemmGeometry& g) {
    bench::add(name, [=] {
        return [=, a = bench::filled(g.m * g.k), b = bench::filled(g.k * g.n), c = bench::filled(g.m * g.n)] {
            kernels::gemm(g, a.data<float>(), b.data<float>(), false, c.data<float>());
        };
    });
}

void add_classifier(const std::string& model, std::int64_t in, std::int64_t out) {
    const std::int64_t n = bench::kBatch;
    const std::string shape = "/" + model + "/" + std::to_string(in) + "-" + std::to_string(out);
    add("linear_forward" + shape, {false, true, n, out, in, in, in, out});
    add("linear_backward_data" + shape, {false, false, n, in, out, out, in, in});
    add("linear_backward_weights" + shape, {true, false, out, in, n, out, in, in});
}

void add_pointwise(const std::string& model, const std::vector<kernels::Conv2dGeometry>& convolutions) {
    for (const kernels::Conv2dGeometry& g : bench::distinct(convolutions)) {
        if (!g.pointwise() || g.stride_h != 1) continue;
        add("conv1x1/" + model + "/" + std::to_string(g.ih) + "/" + std::to_string(g.ic) + "-" + std::to_string(g.oc),
            {false, true, g.n * g.ih * g.iw, g.oc, g.ic, g.ic, g.ic, g.oc});
    }
}

const bool added = [] {
    add_classifier("resnet50", 2048, 1000);
    add_classifier("densenet121", 1024, 1000);
    add_classifier("densenet121", 1024, 14);
    add_pointwise("resnet50", bench::resnet50_convolutions(bench::kBatch));
    add_pointwise("densenet121", bench::densenet121_convolutions(bench::kBatch, bench::TransitionPool::before));
    return true;
}();

}  // namespace
