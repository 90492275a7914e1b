#include "distributed/collectives/allreduce_plan.h"

#include <algorithm>
#include <bit>

namespace keel {
namespace {

std::int64_t segments_of(std::int64_t count, std::int64_t segment) {
    return std::max<std::int64_t>(1, (count + segment - 1) / std::max<std::int64_t>(segment, 1));
}

/// Adds an exchange in `segments` messages; empty ones are left out on both sides. Message k waits for the one that
/// came in `distance` messages before it, or with distance 0 for all that came in before the exchange.
void exchange(AllreducePlan& plan, const Transfer& whole, std::int64_t segments, std::int64_t distance) {
    const std::int64_t before = std::ssize(plan);
    for (std::int64_t k = 0; k < segments; ++k) {
        Transfer step = whole;
        step.sent = part_of(whole.sent, k, segments);
        step.received = part_of(whole.received, k, segments);
        if (step.sent.count == 0) step.to = -1;
        if (step.received.count == 0) step.from = -1;
        step.after = distance > 0 ? std::max<std::int64_t>(before + k - distance, -1) : before - 1;
        plan.push_back(step);
    }
}

}  // namespace

ElementRange part_of(const ElementRange& range, std::int64_t i, std::int64_t parts) {
    const auto border = [&](std::int64_t k) { return range.count / parts * k + std::min(k, range.count % parts); };
    return {range.begin + border(i), border(i + 1) - border(i)};
}

AllreducePlan plan_ring(int rank, int ranks, std::int64_t count, std::int64_t segment) {
    AllreducePlan plan;
    const auto block = [&](int i) { return part_of({0, count}, ((i % ranks) + ranks) % ranks, ranks); };
    const std::int64_t segments = segments_of((count + ranks - 1) / ranks, segment);
    for (int step = 0; step < 2 * (ranks - 1); ++step) {
        Transfer whole;
        whole.to = (rank + 1) % ranks;
        whole.from = (rank + ranks - 1) % ranks;
        whole.sent = block(rank - step);
        whole.received = block(rank - step - 1);
        whole.adds = step < ranks - 1;
        exchange(plan, whole, segments, segments);
    }
    return plan;
}

AllreducePlan plan_halving_doubling(int rank, int ranks, std::int64_t count, std::int64_t segment) {
    AllreducePlan plan;
    const int power = static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks))), extra = ranks - power;
    const bool paired = rank < 2 * extra, sits_out = paired && rank % 2 == 0;
    const auto rank_of = [&](int member) { return member < extra ? 2 * member + 1 : member + extra; };
    const ElementRange all{0, count};
    // Both partners cut into as many messages.
    const auto longer = [&](const Transfer& t) {
        return segments_of(std::max(t.sent.count, t.received.count), segment);
    };

    Transfer fold;
    fold.adds = true;
    if (sits_out) fold.to = rank + 1, fold.sent = all;
    if (paired && !sits_out) fold.from = rank - 1, fold.received = all;
    if (paired) exchange(plan, fold, segments_of(count, segment), 0);

    if (!sits_out) {
        const int member = paired ? rank / 2 : rank - extra;
        std::vector<Transfer> halvings;
        ElementRange mine = all;
        for (int distance = 1; distance < power; distance *= 2) {
            const bool low = (member & distance) == 0;
            const ElementRange kept = part_of(mine, low ? 0 : 1, 2), given = part_of(mine, low ? 1 : 0, 2);
            const int partner = rank_of(member ^ distance);
            halvings.push_back({partner, partner, given, kept, true, -1});
            mine = kept;
        }
        for (const Transfer& halving : halvings) exchange(plan, halving, longer(halving), 0);
        std::ranges::reverse(halvings);
        for (Transfer& doubling : halvings) {
            std::swap(doubling.sent, doubling.received);
            doubling.adds = false;
            exchange(plan, doubling, longer(doubling), 0);
        }
    }

    Transfer unfold;
    if (sits_out) unfold.from = rank + 1, unfold.received = all;
    if (paired && !sits_out) unfold.to = rank - 1, unfold.sent = all;
    if (paired) exchange(plan, unfold, segments_of(count, segment), 0);
    return plan;
}

std::int64_t elements_sent(const AllreducePlan& plan) {
    std::int64_t total = 0;
    for (const Transfer& step : plan)
        if (step.to >= 0) total += step.sent.count;
    return total;
}

}  // namespace keel
