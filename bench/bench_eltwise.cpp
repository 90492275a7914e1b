// Kernels that go element by element, over the activations of the models.
#include "bench/kernel_bench.h"
#include "kernels/eltwise/eltwise.h"

namespace {

using namespace keel;
using namespace keel::kernels;
using bench::filled;
using bench::MapShape;

using Unary = void (*)(const UnaryGeometry&, const float*, float*);
using Binary = void (*)(const BinaryGeometry&, const float*, const float*, float*);

void add(const std::string& name, const MapShape& map, Unary kernel) {
    bench::add(name, [=] {
        const UnaryGeometry g{map.rows(), map.c, map.ld, map.ld};
        return [=, src = filled(map.rows() * map.ld), dst = filled(map.rows() * map.ld)] {
            kernel(g, src.data<float>(), dst.data<float>());
        };
    });
}

void add(const std::string& name, const MapShape& map, Binary kernel) {
    bench::add(name, [=] {
        const BinaryGeometry g{map.rows(), map.c, map.ld, map.ld, map.ld};
        const std::int64_t count = map.rows() * map.ld;
        return [=, a = filled(count), b = filled(count), dst = filled(count)] {
            kernel(g, a.data<float>(), b.data<float>(), dst.data<float>());
        };
    });
}

const bool added = [] {
    for (const auto& [name, map] : bench::model_maps()) {
        add("copy/" + name, map, copy<float>);
        add("accumulate/" + name, map, accumulate<float>);
        add("scale/" + name, map,
            [](const UnaryGeometry& g, const float* src, float* dst) { scale(g, 2.0F, src, dst); });
        add("relu_forward/" + name, map, relu_forward<float>);
        add("relu_backward/" + name, map, relu_backward<float>);
        add("add_forward/" + name, map, add_forward<float>);
        add("add_relu_forward/" + name, map, add_relu_forward<float>);
        add("column_sum/" + name, map, column_sum<float>);
        bench::add("affine_forward/" + name, [map = map] {
            const UnaryGeometry g{map.rows(), map.c, map.ld, map.ld};
            return [=, src = filled(map.rows() * map.ld), dst = filled(map.rows() * map.ld), vector = filled(map.c)] {
                affine_forward(g, src.data<float>(), vector.data<float>(), vector.data<float>(), true,
                               dst.data<float>());
            };
        });
    }
    for (const std::int64_t classes : {14, 1000})
        add("add_bias/" + std::to_string(classes), {bench::kBatch, 1, classes, classes}, add_bias<float>);
    for (const std::int64_t weights : {32 * 1024, 2048 * 1000})
        bench::add("moving_average/" + std::to_string(weights), [=] {
            return [=, src = filled(weights), shadow = filled(weights)] {
                moving_average(weights, 0.9F, src.data<float>(), shadow.data<float>());
            };
        });
    return true;
}();

}  // namespace
