#include "distributed/collectives/allreduce_plan.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace keel {
namespace {

std::int64_t segments_of(std::int64_t count, std::int64_t segment) {
    return std::max<std::int64_t>(1, (count + segment - 1) / std::max<std::int64_t>(segment, 1));
}

/// Message k of an exchange; empty ones are left out on both sides.
Transfer message_of(const AllreducePlan::Exchange& exchange, std::int64_t k) {
    Transfer step = exchange.whole;
    step.sent = part_of(exchange.whole.sent, k, exchange.segments);
    step.received = part_of(exchange.whole.received, k, exchange.segments);
    if (step.sent.count == 0) step.to = -1;
    if (step.received.count == 0) step.from = -1;
    step.after =
        exchange.distance > 0 ? std::max<std::int64_t>(exchange.first + k - exchange.distance, -1) : exchange.first - 1;
    return step;
}

/// Round the ring once with sums, then once with results.
AllreducePlan::Exchange exchange_of(const AllreducePlan::Ring& ring, std::int64_t step) {
    const auto block = [&](std::int64_t i) {
        return part_of({0, ring.count}, ((i % ring.ranks) + ring.ranks) % ring.ranks, ring.ranks);
    };
    Transfer whole;
    whole.to = (ring.rank + 1) % ring.ranks;
    whole.from = (ring.rank + ring.ranks - 1) % ring.ranks;
    whole.sent = block(ring.rank - step);
    whole.received = block(ring.rank - step - 1);
    whole.adds = step < ring.ranks - 1;
    return {whole, ring.segments, ring.segments, step * ring.segments};
}

}  // namespace

void AllreducePlan::add(Exchange exchange) {
    exchange.first = size_;
    size_ += exchange.segments;
    exchanges_.push_back(exchange);
}

Transfer AllreducePlan::operator[](std::int64_t i) const {
    if (exchanges_.empty()) return message_of(exchange_of(ring_, i / ring_.segments), i % ring_.segments);
    const auto next = std::ranges::upper_bound(exchanges_, i, {}, &Exchange::first);
    const Exchange& exchange = *std::prev(next);
    return message_of(exchange, i - exchange.first);
}

ElementRange part_of(const ElementRange& range, std::int64_t i, std::int64_t parts) {
    const auto border = [&](std::int64_t k) { return range.count / parts * k + std::min(k, range.count % parts); };
    return {range.begin + border(i), border(i + 1) - border(i)};
}

AllreducePlan plan_ring(int rank, int ranks, std::int64_t count, std::int64_t segment) {
    return AllreducePlan(AllreducePlan::Ring{rank, ranks, count, segments_of((count + ranks - 1) / ranks, segment)});
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
    if (paired) plan.add({fold, segments_of(count, segment)});

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
        for (const Transfer& halving : halvings) plan.add({halving, longer(halving)});
        std::ranges::reverse(halvings);
        for (Transfer& doubling : halvings) {
            std::swap(doubling.sent, doubling.received);
            doubling.adds = false;
            plan.add({doubling, longer(doubling)});
        }
    }

    Transfer unfold;
    if (sits_out) unfold.from = rank + 1, unfold.received = all;
    if (paired && !sits_out) unfold.to = rank - 1, unfold.sent = all;
    if (paired) plan.add({unfold, segments_of(count, segment)});
    return plan;
}

std::int64_t elements_sent(const AllreducePlan& plan) {
    std::int64_t total = 0;
    for (std::int64_t i = 0; i < plan.size(); ++i)
        if (const Transfer step = plan[i]; step.to >= 0) total += step.sent.count;
    return total;
}

}  // namespace keel
