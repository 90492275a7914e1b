// Batch normalisation with ReLU, over the activations of the models.
#include "bench/kernel_bench.h"
#include "kernels/batch_norm/batch_norm.h"

namespace {

using namespace keel;
using namespace keel::kernels;

/// src may be a slice of a wide buffer; everything else is dense.
struct Buffers {
    explicit Buffers(const bench::MapShape& map)
        : g{map.rows(), map.c, map.ld, map.c, map.c, true},
          src(bench::filled(map.rows() * map.ld)),
          dst(bench::filled(map.rows() * map.c)),
          diff_src(bench::filled(map.rows() * map.c)) {
        for (Tensor& vector : vectors) vector = bench::filled(map.c);
    }
    float* vector(std::size_t i) const { return vectors[i].data<float>(); }

    BatchNormGeometry g;
    Tensor src, dst, diff_src, vectors[7];  // mean, variance, gamma, beta (or shift), diff_gamma, diff_beta, scale
};

void add(const std::string& name, const bench::MapShape& map, void (*kernel)(const Buffers&)) {
    bench::add(name, [=] { return [=, b = Buffers(map)] { kernel(b); }; });
}

const bool added = [] {
    for (const auto& [name, map] : bench::model_maps()) {
        add("statistics/" + name, map,
            [](const Buffers& b) { batch_norm_statistics(b.g, b.src.data<float>(), b.vector(0), b.vector(1)); });
        add("forward/" + name, map, [](const Buffers& b) {
            batch_norm_forward(b.g, 1e-5F, b.src.data<float>(), b.vector(0), b.vector(1), b.vector(2), b.vector(3),
                               b.dst.data<float>());
        });
        add("backward/" + name, map, [](const Buffers& b) {
            batch_norm_backward(b.g, 1e-5F, false, b.src.data<float>(), b.dst.data<float>(), b.vector(0), b.vector(1), b.vector(2),
                                b.vector(3), b.diff_src.data<float>(), b.vector(4), b.vector(5));
        });
        add("backward_deferred/" + name, map, [](const Buffers& b) {
            batch_norm_backward_deferred(b.g, 1e-5F, b.src.data<float>(), b.dst.data<float>(), b.vector(0), b.vector(1),
                                         b.vector(6), b.vector(3), b.vector(2), true, b.diff_src.data<float>(), b.vector(4),
                                         b.vector(5));
        });
    }
    return true;
}();

}  // namespace
