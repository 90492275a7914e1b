// Batch normalization with ReLU, over the activations of the models.
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
    BatchNormCoefficients<float> coefficients() const { return {vector(0), vector(1), vector(2), vector(3)}; }
    void backward(BatchNormGradient gradient) const {
        batch_norm_backward(g, gradient, coefficients(), src.data<float>(), dst.data<float>(), diff_src.data<float>(),
                            vector(4), vector(5));
    }
    float* vector(std::size_t i) const { return vectors[i].data<float>(); }

    BatchNormGeometry g;
    Tensor src, dst, diff_src, vectors[6];  // mean, variance (or inverse sigma), scale, shift, diff_gamma, diff_beta
};

void add(const std::string& name, const bench::MapShape& map, void (*kernel)(const Buffers&)) {
    bench::add(name, [=] { return [=, b = Buffers(map)] { kernel(b); }; });
}

const bool added = [] {
    for (const auto& [name, map] : bench::model_maps()) {
        add("statistics/" + name, map, [](const Buffers& b) {
            batch_norm_statistics(b.g.rows, b.g.c, b.g.src_ld, b.src.data<float>(), b.vector(0), b.vector(1));
        });
        add("backward/" + name, map, [](const Buffers& b) { b.backward(BatchNormGradient::whole); });
        add("backward_added/" + name, map, [](const Buffers& b) { b.backward(BatchNormGradient::added); });
        add("correct/" + name, map, [](const Buffers& b) {
            batch_norm_correct(b.g, b.vector(0), b.vector(2), b.vector(3), b.src.data<float>(), b.dst.data<float>(),
                               b.diff_src.data<float>());
        });
    }
    return true;
}();

}  // namespace
