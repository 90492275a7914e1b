// The pools of the models: ResNet's and DenseNet's first, DenseNet's transitions, and the last one over whole maps.
#include "bench/kernel_bench.h"
#include "kernels/pool/pool.h"

namespace {

using namespace keel;
using namespace keel::kernels;
using bench::filled;

PoolGeometry geometry(std::int64_t size, std::int64_t c, int kernel, int stride, int pad) {
    const std::int64_t out = (size + 2 * pad - kernel) / stride + 1;
    return {bench::kBatch, size, size, c, out, out, kernel, kernel, stride, pad, c, c};
}

/// A kernel from src to dst (backward: from diff_dst to diff_src).
void add(const std::string& name, const PoolGeometry& g, bool forward,
         void (*kernel)(const PoolGeometry&, const float*, float*)) {
    const std::string shape = std::to_string(g.ih) + "x" + std::to_string(g.iw) + "x" + std::to_string(g.c);
    bench::add(name + "/" + shape, [=] {
        const std::int64_t large = g.n * g.ih * g.iw * g.c, small = g.n * g.oh * g.ow * g.c;
        return [=, from = filled(forward ? large : small), to = filled(forward ? small : large)] {
            kernel(g, from.data<float>(), to.data<float>());
        };
    });
}

void add_max_pool(const PoolGeometry& g) {
    const auto buffers = [=] { return std::pair(filled(g.n * g.ih * g.iw * g.c), filled(g.n * g.oh * g.ow * g.c)); };
    const auto argmax = [=] { return Tensor::zeros({g.n * g.oh * g.ow * g.c}, DType::u8); };
    const std::string shape = std::to_string(g.ih) + "x" + std::to_string(g.iw) + "x" + std::to_string(g.c);
    bench::add("max_pool_forward/" + shape, [=] {
        return [=, b = buffers(), chosen = argmax()] {
            max_pool_forward(g, b.first.data<float>(), b.second.data<float>(), chosen.data<std::uint8_t>());
        };
    });
    bench::add("max_pool_backward/" + shape, [=] {
        return [=, b = buffers(), chosen = argmax()] {
            max_pool_backward(g, b.second.data<float>(), chosen.data<std::uint8_t>(), b.first.data<float>());
        };
    });
}

const bool added = [] {
    add_max_pool(geometry(112, 64, 3, 2, 1));
    for (const auto& [size, c] : {std::pair{56, 256}, {28, 512}, {14, 1024}}) {
        add("avg_pool_forward", geometry(size, c, 2, 2, 0), true, avg_pool_forward<float>);
        add("avg_pool_backward", geometry(size, c, 2, 2, 0), false, avg_pool_backward<float>);
    }
    for (const std::int64_t c : {1024, 2048}) {
        const PoolGeometry g{bench::kBatch, 7, 7, c, 1, 1, 1, 1, 1, 0, c, c};
        add("adaptive_avg_pool_forward", g, true, adaptive_avg_pool_forward<float>);
        add("adaptive_avg_pool_backward", g, false, adaptive_avg_pool_backward<float>);
    }
    return true;
}();

}  // namespace
