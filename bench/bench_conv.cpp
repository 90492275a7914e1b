// The three directions of the models' convolutions at batch 16, weights in the preferred layout.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/model_shapes.h"

namespace {

using namespace keel;
using namespace keel::kernels;

enum class Direction { forward, backward_data, backward_weights };

std::string name_of(const char* model, const char* direction, const Conv2dGeometry& g) {
    return std::string(model) + "/" + direction + "/" + std::to_string(g.kh) + "x" + std::to_string(g.kw) + "s" +
           std::to_string(g.stride_h) + "/" + std::to_string(g.ih) + "/" + std::to_string(g.ic) + "-" + std::to_string(g.oc);
}

void run(benchmark::State& state, const Conv2dGeometry& g, Direction direction) {
    const WeightsLayout layout = preferred_layout(g, true);
    const auto filled = [](std::int64_t count) { return std::vector<float>(static_cast<std::size_t>(count), 0.5F); };
    std::vector<float> src = filled(g.n * g.ih * g.iw * g.ic), dst = filled(g.n * g.oh() * g.ow() * g.oc);
    std::vector<float> weights = filled(layout_elements(layout));
    for (auto _ : state) {
        switch (direction) {
            case Direction::forward:
                conv2d_forward(g, true, src.data(), weights.data(), layout, nullptr, dst.data());
                break;
            case Direction::backward_data:
                conv2d_backward_data(g, dst.data(), weights.data(), layout, src.data());
                break;
            case Direction::backward_weights:
                conv2d_backward_weights(g, src.data(), dst.data(), weights.data(), layout, nullptr);
                break;
        }
        benchmark::ClobberMemory();
    }
    const ConvImplementations names = conv2d_implementations(g);
    const std::string implementations[] = {names.forward, names.backward_data, names.backward_weights};
    state.SetLabel(implementations[static_cast<std::size_t>(direction)]);
    // 1e9 floating-point operations; Google Benchmark divides by the wall clock.
    state.counters["GFLOP/s"] =
        benchmark::Counter(2e-9 * static_cast<double>(g.macs()), benchmark::Counter::kIsIterationInvariantRate);
}

void add(const char* model, const std::vector<Conv2dGeometry>& shapes) {
    const std::pair<const char*, Direction> directions[] = {{"forward", Direction::forward},
                                                            {"backward_data", Direction::backward_data},
                                                            {"backward_weights", Direction::backward_weights}};
    for (const Conv2dGeometry& g : shapes)
        for (const auto& [text, direction] : directions) {
            if (g.ic == 3 && direction == Direction::backward_data) continue;  // nobody asks for the images' gradient
            benchmark::RegisterBenchmark(name_of(model, text, g).c_str(), run, g, direction)
                ->UseRealTime()
                ->Unit(benchmark::kMillisecond);
        }
}

const bool added = [] {
    add("resnet50", bench::resnet50_convolutions(16));
    add("densenet121", bench::densenet121_convolutions(16));
    return true;
}();

}  // namespace
