#include "distributed/planning/cost_model.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "kernels/error.h"

namespace keel {
namespace {

constexpr std::array<std::pair<Algorithm, std::string_view>, 3> kNames{
    {{Algorithm::ring, "ring"},
     {Algorithm::halving_doubling, "halving-doubling"},
     {Algorithm::hierarchical, "hierarchical"}}};

double messages_of(double bytes, double segment) { return std::max(1.0, std::ceil(bytes / segment)); }

/// Of P ranks in a ring, of which `lanes` share a link.
double ring_seconds(const CostModel& m, double ranks, double lanes, double bytes, double segment) {
    const double steps = ranks - 1, block = bytes / ranks, beta = m.beta * lanes;
    const double latency = m.alpha * messages_of(block, segment);
    // While a segment is added the next is on the wire; only one segment is not hidden.
    const double scatter =
        latency + block * std::max(beta, m.gamma) + std::min(block, segment) * std::min(beta, m.gamma);
    return steps * (scatter + latency + block * beta);
}

double halving_doubling_seconds(const CostModel& m, int ranks, double bytes, double segment) {
    const int power = static_cast<int>(std::bit_floor(static_cast<unsigned>(ranks)));
    double seconds = 0;
    double part = bytes;
    for (int distance = 1; distance < power; distance *= 2) {
        part /= 2;
        seconds += 2 * (m.alpha * messages_of(part, segment) + part * m.beta) + part * m.gamma;
    }
    // Those beyond the power of two give all they have to another first, and get the result last.
    if (power < ranks) seconds += 2 * (m.alpha * messages_of(bytes, segment) + bytes * m.beta) + bytes * m.gamma;
    return seconds;
}

double hierarchical_seconds(const CostModel& m, const Cluster& cluster, double bytes, double segment) {
    const double ranks = std::min(cluster.per_node, cluster.ranks), share = bytes / ranks;
    if (ranks >= 2 && cluster.nodes() == 1 && fits_slots(cluster.ranks, static_cast<std::int64_t>(bytes)))
        return m.node_alpha * std::ceil(std::log2(ranks)) + bytes * m.node_gamma * ranks / 2;
    // node_gamma is of two windows; each more is read and written as well.
    double seconds = ranks < 2 ? 0 : 2 * m.node_alpha * std::ceil(std::log2(ranks)) + share * m.node_gamma * ranks / 2;
    if (cluster.nodes() > 1) {
        seconds += ring_seconds(m, cluster.nodes(), ranks, share, segment);
        if (ranks >= 2) seconds += m.node_alpha * std::ceil(std::log2(ranks)) + share * m.node_gamma * ranks / 2;
    }
    return seconds;
}

}  // namespace

std::string_view name(Algorithm algorithm) {
    for (const auto& [value, word] : kNames)
        if (value == algorithm) return word;
    return "";
}

Algorithm algorithm_of(std::string_view word) {
    for (const auto& [value, text] : kNames)
        if (text == word) return value;
    throw UsageError("[allreduce] wanted ring, halving-doubling or hierarchical, got \"" + std::string(word) + "\"");
}

double predicted_seconds(Algorithm algorithm, const CostModel& model, const Cluster& cluster, std::int64_t bytes,
                         std::int64_t segment_bytes) {
    if (cluster.ranks < 2) return 0;
    const double size = static_cast<double>(bytes), segment = static_cast<double>(segment_bytes);
    switch (algorithm) {
        case Algorithm::ring:
            return ring_seconds(model, cluster.ranks, 1, size, segment);
        case Algorithm::halving_doubling:
            return halving_doubling_seconds(model, cluster.ranks, size, segment);
        case Algorithm::hierarchical:
            return hierarchical_seconds(model, cluster, size, segment);
    }
    return 0;
}

Algorithm fastest_algorithm(const CostModel& model, const Cluster& cluster, std::int64_t bytes, bool shared_memory,
                            std::int64_t segment_bytes) {
    const auto seconds = [&](Algorithm a) { return predicted_seconds(a, model, cluster, bytes, segment_bytes); };
    Algorithm best = Algorithm::ring;
    if (seconds(Algorithm::halving_doubling) < seconds(best)) best = Algorithm::halving_doubling;
    if (shared_memory && seconds(Algorithm::hierarchical) < seconds(best)) best = Algorithm::hierarchical;
    return best;
}

}  // namespace keel
