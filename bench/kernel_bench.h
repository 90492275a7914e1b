// What the microbenchmarks share. A benchmark is a kernel call on buffers of the arena (huge pages, as in training);
// its operations and bytes are those that the kernel itself tells the profiler (kernels/profile.h).
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/model_shapes.h"
#include "engine/tensor.h"

namespace keel::bench {

inline constexpr std::int64_t kBatch = 16;

using Call = std::function<void()>;

/// `count` floats of 0.5.
inline Tensor filled(std::int64_t count) { return Tensor::full({count}, 0.5); }

/// "56x56x64", and "/256" after it where the pixels lie 256 apart.
inline std::string text(const MapShape& map) {
    const std::string size = std::to_string(map.size);
    return size + "x" + size + "x" + std::to_string(map.c) + (map.ld == map.c ? "" : "/" + std::to_string(map.ld));
}

/// Model and map of every activation that the kernels of BN and element by element meet.
inline std::vector<std::pair<std::string, MapShape>> model_maps() {
    std::vector<std::pair<std::string, MapShape>> all;
    for (const MapShape& map : resnet50_maps(kBatch)) all.emplace_back("resnet50/" + text(map), map);
    for (const MapShape& map : densenet121_maps(kBatch)) all.emplace_back("densenet121/" + text(map), map);
    return all;
}

/// Times the call that `make` prepares, with GFLOP/s and GB/s as counters.
inline void run(benchmark::State& state, const std::function<Call()>& make) {
    const Call call = make();
    profile::start();
    call();
    profile::Cost cost;
    for (const profile::Record& record : profile::stop().records) {
        cost.flops += record.cost.flops;
        cost.bytes += record.cost.bytes;
    }
    for (auto _ : state) {
        call();
        benchmark::ClobberMemory();
    }
    using benchmark::Counter;
    if (cost.flops > 0) state.counters["GFLOP/s"] = Counter(1e-9 * cost.flops, Counter::kIsIterationInvariantRate);
    state.counters["GB/s"] = Counter(1e-9 * cost.bytes, Counter::kIsIterationInvariantRate);
}

/// Registers a benchmark; `make` runs when its turn has come, so that buffers live no longer than that.
inline void add(const std::string& name, std::function<Call()> make) {
    benchmark::RegisterBenchmark(name.c_str(), [make = std::move(make)](benchmark::State& state) { run(state, make); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
}

}  // namespace keel::bench
