#include "distributed/collectives/self_test.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "distributed/gather.h"
#include "kernels/collective/collective.h"

namespace keel {
namespace {

constexpr int kSelfTestTag = 3;
constexpr std::int64_t kLong = 1 << 20;    // bytes of a long message
constexpr std::int64_t kWindow = 8 << 20;  // bytes summed in shared memory, as many as a bucket of gradients has
// What empties the caches: of a rank its own and its part of the one that all of a node share.
constexpr std::int64_t kOwnCache = 8 << 20, kSharedCache = 64 << 20;
constexpr int kRounds = 5, kShortMessages = 20, kBarriers = 20;

template <class Work>
double seconds_of(const Work& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The least seconds of some rounds of `work`, after one that warms up.
template <class Work>
double least_seconds(const Work& work) {
    work();
    double least = 1e9;
    for (int round = 0; round < kRounds; ++round) least = std::min(least, seconds_of(work));
    return least;
}

/// Every rank sends to the next and receives from the one before at once, as in a ring: links are loaded as they will
/// be.
void shift(Communicator& communicator, std::vector<std::byte>& out, std::vector<std::byte>& in, std::size_t bytes) {
    const int rank = communicator.rank(), ranks = communicator.size();
    const Request incoming = communicator.receive((rank + ranks - 1) % ranks, kSelfTestTag, in.data(), bytes);
    const Request outgoing = communicator.send((rank + 1) % ranks, kSelfTestTag, out.data(), bytes);
    communicator.wait(*incoming);
    communicator.wait(*outgoing);
}

void measure_messages(Communicator& communicator, CostModel& model) {
    std::vector<std::byte> out(kLong), in(kLong);
    model.alpha = least_seconds([&] {
                      for (int i = 0; i < kShortMessages; ++i) shift(communicator, out, in, 8);
                  }) /
                  kShortMessages;
    const double seconds = least_seconds([&] { shift(communicator, out, in, kLong); });
    model.beta = std::max(seconds - model.alpha, 1e-9) / static_cast<double>(kLong);
}

void measure_sums(CostModel& model) {
    const std::int64_t count = kSegmentBytes / 4;
    const std::vector<float> src(static_cast<std::size_t>(count));
    std::vector<float> dst(static_cast<std::size_t>(8 * count));
    const double seconds = least_seconds([&] {
        for (std::int64_t i = 0; i < 8; ++i) kernels::add_received(count, src.data(), dst.data() + i * count);
    });
    model.gamma = seconds / static_cast<double>(8 * kSegmentBytes);
}

/// All ranks of the node sum at once, as they will: the share of a rank, over all windows.
void measure_shared_memory(Communicator& communicator, CostModel& model) {
    const auto memory = communicator.share(kWindow);
    if (memory->apart()) {  // messages take its place
        model.node_alpha = model.alpha;
        model.node_gamma = model.beta + model.gamma;
        return;
    }
    const std::int64_t count = kWindow / 4 / memory->size();
    std::vector<float*> windows;
    for (int r = 0; r < memory->size(); ++r) windows.push_back(memory->part<float>(r) + memory->rank() * count);
    std::fill_n(memory->part<float>(memory->rank()), kWindow / 4, 1.0F);
    model.node_alpha = least_seconds([&] {
                           for (int i = 0; i < kBarriers; ++i) memory->barrier();
                       }) /
                       kBarriers;
    const std::int64_t half = std::max(kOwnCache, kSharedCache / memory->size()) / 8;
    std::vector<float> other(static_cast<std::size_t>(2 * half));
    double seconds = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        // Gradients come from memory, not from a cache that the last round has left them in.
        kernels::add_received(half, other.data(), other.data() + half);
        memory->barrier();
        seconds = std::min(seconds, seconds_of([&] {
                               kernels::sum_in_place<float>(count, memory->size(), windows.data());
                               memory->barrier();
                           }));
    }
    model.node_gamma = std::max(seconds - model.node_alpha, 1e-9) / static_cast<double>(count * 4) * 2 / memory->size();
}

}  // namespace

Cluster cluster_of(const Topology& topology) {
    return {static_cast<int>(topology.node_of.size()), std::max(1, topology.per_node())};
}

CostModel measure_costs(Communicator& communicator) {
    CostModel model;
    measure_sums(model);
    if (communicator.size() > 1) {
        barrier(communicator);
        measure_messages(communicator, model);
        measure_shared_memory(communicator, model);
    }
    return reduce(communicator, model, [](CostModel a, const CostModel& b) {
        a.alpha = std::max(a.alpha, b.alpha);
        a.beta = std::max(a.beta, b.beta);
        a.gamma = std::max(a.gamma, b.gamma);
        a.node_alpha = std::max(a.node_alpha, b.node_alpha);
        a.node_gamma = std::max(a.node_gamma, b.node_gamma);
        return a;
    });
}

}  // namespace keel
