// The roofline of the machine: multiply-adds from registers, and the triad of STREAM (McCalpin 1995) from each cache
// and from memory, both on the whole compute pool.
#include <immintrin.h>

#include "bench/kernel_bench.h"
#include "kernels/cpu.h"
#include "kernels/parallel.h"

namespace {

using namespace keel;
using benchmark::Counter;

constexpr int kChains = 10;  // two a cycle, with results after 4 or 5 cycles
constexpr std::int64_t kRounds = 1'000'000;

__attribute__((target("avx2,fma"))) void multiply_add_avx2() {
    __m256 sums[kChains], factor = _mm256_set1_ps(0.999F), term = _mm256_set1_ps(0.001F);
    for (__m256& sum : sums) sum = factor;
    for (std::int64_t i = 0; i < kRounds; ++i)
        for (__m256& sum : sums) sum = _mm256_fmadd_ps(sum, factor, term);
    for (__m256& sum : sums) benchmark::DoNotOptimize(sum);
}

__attribute__((target("avx512f"))) void multiply_add_avx512() {
    __m512 sums[kChains], factor = _mm512_set1_ps(0.999F), term = _mm512_set1_ps(0.001F);
    for (__m512& sum : sums) sum = factor;
    for (std::int64_t i = 0; i < kRounds; ++i)
        for (__m512& sum : sums) sum = _mm512_fmadd_ps(sum, factor, term);
    for (__m512& sum : sums) benchmark::DoNotOptimize(sum);
}

void peak(benchmark::State& state, void (*multiply_add)(), int lanes) {
    for (auto _ : state)
        parallel_for(thread_count(), 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) multiply_add();
        });
    const double flops = 2.0 * lanes * kChains * static_cast<double>(kRounds) * thread_count();
    state.counters["GFLOP/s"] = Counter(1e-9 * flops, Counter::kIsIterationInvariantRate);
}

/// a = b + 3 c
__attribute__((target("avx2,fma"))) void triad_avx2(std::int64_t n, float* a, const float* b, const float* c) {
    for (std::int64_t i = 0; i < n; i += 8)
        _mm256_storeu_ps(a + i, _mm256_fmadd_ps(_mm256_set1_ps(3), _mm256_loadu_ps(c + i), _mm256_loadu_ps(b + i)));
}

/// Over three arrays of `n` floats for each thread, again and again. As in STREAM, the line that a write reads first is
/// not counted.
void triad(benchmark::State& state, std::int64_t n) {
    const std::int64_t all = n * thread_count();
    const Tensor a = bench::filled(all), b = bench::filled(all), c = bench::filled(all);
    const std::int64_t repeats = std::max<std::int64_t>(1, 1'000'000 / n);
    for (auto _ : state)
        parallel_for(all, n, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = 0; i < repeats; ++i) {
                triad_avx2(end - begin, a.data<float>() + begin, b.data<float>() + begin, c.data<float>() + begin);
                benchmark::ClobberMemory();
            }
        });
    const auto bytes = static_cast<double>(3 * all * repeats) * double{sizeof(float)};
    state.counters["GB/s"] = Counter(1e-9 * bytes, Counter::kIsIterationInvariantRate);
}

const bool added = [] {
    if (!active_isa().includes(Isa::avx2)) return false;
    const auto add_peak = [](const char* name, void (*multiply_add)(), int lanes) {
        benchmark::RegisterBenchmark(name, peak, multiply_add, lanes)->UseRealTime()->Unit(benchmark::kMillisecond);
    };
    add_peak("multiply_add/avx2", multiply_add_avx2, 8);
    if (active_isa().includes(Isa::avx512)) add_peak("multiply_add/avx512", multiply_add_avx512, 16);
    for (const std::int64_t kib : {24, 384, 3 * 1024, 192 * 1024})  // of a thread
        benchmark::RegisterBenchmark(("triad/" + std::to_string(kib) + "KiB").c_str(), triad, kib * 1024 / 12 / 16 * 16)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
    return true;
}();

}  // namespace
