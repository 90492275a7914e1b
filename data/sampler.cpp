#include "data/sampler.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/random.h"

namespace keel {

std::vector<std::int64_t> permutation(std::uint64_t seed, std::uint64_t epoch, std::int64_t n) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    Random random(seed, Draw::shuffle, epoch);
    shuffle(order.begin(), order.end(), random);
    return order;
}

Slice slice_of(std::int64_t n, int rank, int ranks) {
    const auto border = [&](std::int64_t i) { return n / ranks * i + std::min(i, n % ranks); };
    return {border(rank), border(rank + 1)};
}

Shard plan_shard(const ShardOptions& o, std::int64_t n, std::int64_t batch, std::int64_t start) {
    Shard shard;
    // Either way `n` samples are visited by all ranks together, and a step has room for `step` of them.
    if (o.independent) n = n / o.ranks * o.ranks;
    const std::int64_t step = batch * o.ranks;
    for (std::int64_t at = std::min(start, n); at < n; at += step) {
        const std::int64_t planned = std::min(step, n - at);
        const auto [begin, end] = slice_of(planned, o.rank, o.ranks);
        shard.batches.push_back({std::ssize(shard.positions), end - begin, planned, at + planned});
        const std::int64_t first = o.independent ? at / o.ranks : at + begin;
        for (std::int64_t i = 0; i < end - begin; ++i) shard.positions.push_back(first + i);
    }
    return shard;
}

}  // namespace keel
