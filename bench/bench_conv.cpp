// The three directions of the models' convolutions by every algorithm that takes them: oneDNN's, and Keel's own
// implicit product and Winograd. Weights are in the layout that the algorithm likes; GFLOP/s count the operations of
// the direct sum.
#include "bench/kernel_bench.h"
#include "kernels/igemm/igemm.h"
#include "kernels/igemm/winograd.h"
#include "kernels/onednn/conv.h"

namespace {

using namespace keel;
using namespace keel::kernels;

/// The buffers of a convolution, of dense maps; the weights serve as their gradient as well.
struct Buffers {
    Buffers(const Conv2dGeometry& g, const WeightsLayout& of_weights)
        : layout(of_weights),
          src(bench::filled(g.n * g.ih * g.iw * g.ic)),
          weights(bench::filled(layout_elements(layout))),
          dst(bench::filled(g.n * g.oh() * g.ow() * g.oc)) {}
    Map src_map(const Conv2dGeometry& g) const { return {src.data<float>(), g.ic}; }
    Map dst_map(const Conv2dGeometry& g) const { return {dst.data<float>(), g.oc}; }
    float* w() const { return weights.data<float>(); }

    WeightsLayout layout;
    Tensor src, weights, dst;
};

ConstMap read(Map map) { return {map.data, map.ld, map.type}; }

struct Algorithm {
    const char* name;
    bool (*serves)(const Conv2dGeometry& g);
    WeightsLayout (*layout)(const Conv2dGeometry& g);
    void (*forward)(const Conv2dGeometry& g, const Buffers& b);
    void (*backward_data)(const Conv2dGeometry& g, const Buffers& b);
    void (*backward_weights)(const Conv2dGeometry& g, const Buffers& b);
};

const Algorithm kAlgorithms[] = {
    {"onednn", [](const Conv2dGeometry&) { return true; },
     [](const Conv2dGeometry& g) { return onednn::preferred_layout(g, true); },
     [](const Conv2dGeometry& g, const Buffers& b) {
         onednn::forward(g, true, read(b.src_map(g)), b.w(), b.layout, nullptr, b.dst_map(g));
     },
     [](const Conv2dGeometry& g, const Buffers& b) {
         onednn::backward_data(g, read(b.dst_map(g)), b.w(), b.layout, b.src_map(g));
     },
     [](const Conv2dGeometry& g, const Buffers& b) {
         onednn::backward_weights(g, read(b.src_map(g)), read(b.dst_map(g)), b.w(), b.layout, nullptr);
     }},
    {"igemm", igemm_serves, panel_layout,
     [](const Conv2dGeometry& g, const Buffers& b) { igemm_forward(g, read(b.src_map(g)), b.w(), {}, b.dst_map(g)); },
     [](const Conv2dGeometry& g, const Buffers& b) {
         igemm_backward_data(g, read(b.dst_map(g)), b.w(), {}, b.src_map(g));
     },
     [](const Conv2dGeometry& g, const Buffers& b) {
         igemm_backward_weights(g, read(b.src_map(g)), {}, read(b.dst_map(g)), b.w());
     }},
    {"winograd", winograd_serves, panel_layout,
     [](const Conv2dGeometry& g, const Buffers& b) {
         winograd_forward(g, read(b.src_map(g)), b.w(), {}, b.dst_map(g));
     },
     [](const Conv2dGeometry& g, const Buffers& b) {
         winograd_backward_data(g, read(b.dst_map(g)), b.w(), {}, b.src_map(g));
     },
     [](const Conv2dGeometry& g, const Buffers& b) {
         winograd_backward_weights(g, read(b.src_map(g)), {}, read(b.dst_map(g)), b.w());
     }},
};

std::string shape_of(const Conv2dGeometry& g) {
    const auto number = [](auto value) { return std::to_string(value); };
    return number(g.kh) + "x" + number(g.kw) + "s" + number(g.stride_h) + "/" + number(g.ih) + "/" + number(g.ic) +
           "-" + number(g.oc);
}

void add(const std::string& model, const Conv2dGeometry& g, const Algorithm& algorithm) {
    const auto add_direction = [&](const std::string& direction,
                                   void (*kernel)(const Conv2dGeometry&, const Buffers&)) {
        bench::add(model + "/" + direction + "/" + shape_of(g) + "/" + algorithm.name, [=, layout = algorithm.layout] {
            return [=, b = Buffers(g, layout(g))] {
                const profile::Span span("conv2d", conv2d_cost(g));
                kernel(g, b);
            };
        });
    };
    add_direction("forward", algorithm.forward);
    if (g.ic > 3) add_direction("backward_data", algorithm.backward_data);  // nobody asks for the images' gradient
    add_direction("backward_weights", algorithm.backward_weights);
}

void add(const std::string& model, const std::vector<Conv2dGeometry>& convolutions) {
    for (const Conv2dGeometry& g : bench::distinct(convolutions))
        for (const Algorithm& algorithm : kAlgorithms)
            if (algorithm.serves(g)) add(model, g, algorithm);
}

const bool added = [] {
    add("resnet50", bench::resnet50_convolutions(bench::kBatch));
    add("densenet121", bench::densenet121_convolutions(bench::kBatch, bench::TransitionPool::before));
    return true;
}();

}  // namespace
