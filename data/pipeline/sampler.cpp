#include "data/pipeline/sampler.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
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

std::vector<std::int64_t> balanced_draws(std::uint64_t seed, std::uint64_t epoch, std::int64_t n,
                                         const std::vector<std::vector<std::int64_t>>& groups) {
    std::vector<std::size_t> turns(groups.size()), next(groups.size());
    std::iota(turns.begin(), turns.end(), std::size_t{0});
    std::vector<std::vector<std::int64_t>> members = groups;
    Random random(seed, Draw::shuffle, epoch);
    std::vector<std::int64_t> draws;
    draws.reserve(static_cast<std::size_t>(n));
    while (std::ssize(draws) < n) {
        shuffle(turns.begin(), turns.end(), random);
        for (const std::size_t group : turns) {
            if (std::ssize(draws) == n) break;
            std::vector<std::int64_t>& list = members[group];
            if (next[group] == 0) shuffle(list.begin(), list.end(), random);
            draws.push_back(list[next[group]]);
            next[group] = (next[group] + 1) % list.size();
        }
    }
    return draws;
}

std::vector<std::uint32_t> repeats_of(const std::vector<std::int64_t>& draws) {
    std::vector<std::uint32_t> repeats;
    repeats.reserve(draws.size());
    std::unordered_map<std::int64_t, std::uint32_t> seen;
    for (const std::int64_t draw : draws) repeats.push_back(seen[draw]++);
    return repeats;
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
    const int each = o.parts > 0 ? o.parts / o.ranks : 1;
    for (std::int64_t at = std::min(start, n); at < n; at += step) {
        const std::int64_t planned = std::min(step, n - at);
        const std::int64_t before = std::ssize(shard.positions);
        for (int part = o.rank * each; part < (o.rank + 1) * each; ++part) {
            const auto [begin, end] = slice_of(planned, part, o.ranks * each);
            const std::int64_t first = o.independent ? at / o.ranks : at + begin;
            for (std::int64_t i = 0; i < end - begin; ++i) {
                shard.positions.push_back(first + i);
                shard.parts.push_back(part);
            }
        }
        shard.batches.push_back({before, std::ssize(shard.positions) - before, planned, at + planned});
    }
    return shard;
}

}  // namespace keel
