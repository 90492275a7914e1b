#include <algorithm>
#include <chrono>
#include <cstdint>

#include "engine/speed/node.h"
#include "engine/tensor.h"
#include "kernels/cpu.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/parallel.h"

namespace keel::speed {
namespace {

constexpr int kTurns = 5;

template <class Body>
double seconds_of(const Body& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Returns the least of some turns: what else runs on the machine only adds.
template <class Body>
double least_seconds(const Body& body) {
    double least = seconds_of(body);
    for (int i = 1; i < kTurns; ++i) least = std::min(least, seconds_of(body));
    return least;
}

/// The clock by a chain of a multiplication and an addition of integers, 3 and 1 cycles on every processor of the
/// table, of which none can begin before the one before has ended.
double measured_ghz() {
    constexpr int kCount = 4'000'000;
    volatile std::uint64_t seed = 12345;
    const double seconds = least_seconds([&] {
        std::uint64_t x = seed;
        for (int i = 0; i < kCount; ++i) x = x * 6364136223846793005U + 1442695040888963407U;
        seed = x;
    });
    return 4e-9 * kCount / seconds;
}

/// Returns the bytes a second that the team moves when it adds two arrays to a third, of so many bytes together.
double measured_bandwidth(std::int64_t bytes) {
    constexpr std::int64_t kRow = 1024;
    const std::int64_t rows = bytes / 12 / kRow, count = rows * kRow,
                       repeats = std::max<std::int64_t>(1, (std::int64_t{24} << 20) / bytes);
    const Tensor a = Tensor::full({count}, 1), b = Tensor::full({count}, 1), c = Tensor::full({count}, 1);
    const double seconds = least_seconds([&] {
        for (std::int64_t i = 0; i < repeats; ++i)
            kernels::add_forward<float>({rows, kRow, kRow, kRow, kRow}, a.data<float>(), b.data<float>(),
                                        c.data<float>());
    });
    return static_cast<double>(12 * count * repeats) / seconds;
}

double measured_region() {
    constexpr int kCount = 2000;
    return least_seconds([] {
               for (int i = 0; i < kCount; ++i) parallel_for(thread_count(), 1, [](std::int64_t, std::int64_t) {});
           }) /
           kCount;
}

/// Returns the node of the table that this processor is, or is most like.
const char* like() {
    const Processor& p = processor();
    if (p.family == 6 && (p.model == 143 || p.model == 207)) return "sapphire_rapids";
    if (p.family == 6 && (p.model == 106 || p.model == 108)) return "ice_lake";
    if (p.family == 6 && p.model == 85)
        return contains(p.features, Features::avx512_bf16) ? "cooper_lake" : "cascade_lake";
    if (p.family == 25) return contains(p.features, Features::avx512) ? "zen4" : "zen3";
    if (contains(p.features, Isa::amx.features)) return "sapphire_rapids";
    return contains(p.features, Isa::avx512.features) ? "ice_lake" : "zen3";
}

/// Makes the rates those of an ISA that has less than the processor: vectors of AVX2 are half as long, of which all of
/// the table's processors issue two a cycle; without VNNI a multiply-add of 16 bits is what bytes take.
void take_rates_of(const Isa& isa, CoreRates& rates) {
    if (!isa.includes(Isa::avx512)) {
        const CoreRates halves = node_named("zen3").rates;
        rates.f32 = halves.f32;
        rates.loads = halves.loads;
        rates.stores = halves.stores;
        rates.sums = halves.sums;
    }
    if (!isa.includes(Isa::avx512_vnni)) rates.int8 = 2 * rates.f32;
}

}  // namespace

Node this_node() {
    Node node = node_named(like());
    const std::string most_like = node.title;
    const int threads = thread_count();
    node.like = node.name;
    node.name = "this";
    node.title = processor().brand + ", as " + most_like;
    node.isa = active_isa();
    node.cores = allowed_cores();
    node.ghz = measured_ghz();
    take_rates_of(node.isa, node.rates);
    if (!node.isa.includes(Isa::amx)) node.rates.bf16_tiles = node.rates.int8_tiles = 0;
    if (!node.isa.includes(Isa::avx512_bf16)) node.rates.bf16 = 0;
    const double cores = std::min(threads, node.cores);
    node.node_gbs = 1e-9 * measured_bandwidth(std::int64_t{192} << 20) * node.cores / cores;
    node.core_gbs = node.node_gbs / node.cores;
    node.rates.l3_bytes = 1e-9 * measured_bandwidth(static_cast<std::int64_t>(4 * node.l2 * cores)) / cores / node.ghz;
    node.region_us = 1e6 * measured_region();
    return node;
}

}  // namespace keel::speed
