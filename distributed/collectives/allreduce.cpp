#include "distributed/collectives/allreduce.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <type_traits>

#include "kernels/collective/collective.h"
#include "kernels/error.h"
#include "kernels/profile.h"

namespace keel {
namespace {

constexpr int kTag = 1;
constexpr std::int64_t kAhead = 4;  // messages under way either way before their turn
/// Elements that are summed over all windows at once: they stay in the second-level cache until all windows are
/// written.
constexpr std::int64_t kShareStep = 16384;

bool overlap(const Range& a, const Range& b) { return a.begin < b.end() && b.begin < a.end(); }

/// A span of the profile whose seconds are added up as well.
class Clock {
public:
    Clock(const char* kind, double& seconds) : span_(kind), seconds_(seconds) {}
    ~Clock() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;

private:
    profile::Span span_;
    double& seconds_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

template <class T>
constexpr bool kFloat = std::is_same_v<T, float>;

}  // namespace

Allreduce::Allreduce(Communicator& communicator, std::int64_t segment_bytes, Wire wire)
    : communicator_(communicator), segment_bytes_(segment_bytes), wire_(wire), incoming_(kAhead + 1) {
    if (segment_bytes < 1) throw UsageError("[allreduce] a segment must have a byte at least");
    everybody_.resize(static_cast<std::size_t>(communicator.size()));
    std::iota(everybody_.begin(), everybody_.end(), 0);
    const Topology& topology = communicator.topology();
    const auto node_mates = topology.members(topology.node_of[static_cast<std::size_t>(communicator.rank())]);
    const auto place =
        static_cast<std::size_t>(std::ranges::find(node_mates, communicator.rank()) - node_mates.begin());
    if (topology.per_node() > 0)
        for (int node = 0; node < topology.nodes(); ++node) peers_.push_back(topology.members(node)[place]);
}

template <class T>
void Allreduce::sum_over(Algorithm algorithm, const std::vector<int>& members, std::span<T> data) {
    if (members.size() < 2) return;
    const int me = static_cast<int>(std::ranges::find(members, communicator_.rank()) - members.begin());
    const int ranks = static_cast<int>(members.size());
    const std::int64_t segment = std::max<std::int64_t>(1, segment_bytes_ / static_cast<std::int64_t>(sizeof(T)));
    switch (algorithm) {
        case Algorithm::ring:
            return execute(plan_ring(me, ranks, std::ssize(data), segment), members, data.data());
        case Algorithm::halving_doubling:
            return execute(plan_halving_doubling(me, ranks, std::ssize(data), segment), members, data.data());
        case Algorithm::hierarchical:
            break;
    }
    throw UsageError("[allreduce] the hierarchical algorithm wants memory that the ranks of a node share");
}
template void Allreduce::sum_over(Algorithm, const std::vector<int>&, std::span<float>);
template void Allreduce::sum_over(Algorithm, const std::vector<int>&, std::span<double>);

template <class T>
void Allreduce::send(std::int64_t index, const Transfer& step, int to, T* data) {
    Outgoing out{index, {}, {}};
    T* const from = data + step.sent.begin;
    const void* bytes = from;
    std::size_t size = static_cast<std::size_t>(step.sent.count) * sizeof(T);
    if constexpr (kFloat<T>) {
        if (wire_ == Wire::bf16) {
            out.packed.resize(static_cast<std::size_t>(step.sent.count));
            kernels::pack_bf16(step.sent.count, from, out.packed.data());
            // Of a sum that is complete, this rank keeps what the others get.
            if (!step.adds) kernels::unpack_bf16(step.sent.count, out.packed.data(), from);
            bytes = out.packed.data();
            size = out.packed.size() * sizeof(std::uint16_t);
        }
    }
    out.request = communicator_.send(to, kTag, bytes, size);
    ++traffic_.messages;
    traffic_.bytes += static_cast<std::int64_t>(size);
    outgoing_.push_back(std::move(out));
}

void Allreduce::settle(const AllreducePlan& plan, const Range& range) {
    std::erase_if(outgoing_, [&](Outgoing& out) {
        if (communicator_.done(*out.request)) return true;
        if (!overlap(plan[static_cast<std::size_t>(out.index)].sent, range)) return false;
        communicator_.wait(*out.request);
        return true;
    });
}

template <class T>
void Allreduce::execute(const AllreducePlan& plan, const std::vector<int>& members, T* data) {
    const std::int64_t steps = std::ssize(plan);
    const auto step_at = [&](std::int64_t i) -> const Transfer& { return plan[static_cast<std::size_t>(i)]; };
    const auto rank_of = [&](int member) { return members[static_cast<std::size_t>(member)]; };
    const auto scratch = [&](std::int64_t i) -> std::vector<std::byte>& {
        return incoming_[static_cast<std::size_t>(i) % incoming_.size()];
    };
    const bool packed = kFloat<T> && wire_ == Wire::bf16;
    const std::size_t element = packed ? sizeof(std::uint16_t) : sizeof(T);
    std::vector<Request> requests(plan.size());
    std::int64_t sent = 0, posted = 0;

    const auto post_receive = [&](std::int64_t i) {
        const Transfer& step = step_at(i);
        const std::size_t bytes = static_cast<std::size_t>(step.received.count) * element;
        void* into = data + step.received.begin;
        if (step.adds || packed) {
            scratch(i).resize(std::max(bytes, scratch(i).size()));
            into = scratch(i).data();
        } else {
            settle(plan, step.received);
        }
        requests[static_cast<std::size_t>(i)] = communicator_.receive(rank_of(step.from), kTag, into, bytes);
    };
    /// Whether what comes in at step i may land where a message still has to be sent from.
    const auto in_use = [&](std::int64_t i) {
        for (std::int64_t k = sent; k < i; ++k)
            if (step_at(k).to >= 0 && overlap(step_at(k).sent, step_at(i).received)) return true;
        return false;
    };
    const auto finish_receive = [&](std::int64_t i) {
        const Transfer& step = step_at(i);
        {
            const Clock clock("wire", traffic_.wire);
            communicator_.wait(*requests[static_cast<std::size_t>(i)]);
        }
        const Clock clock("sums", traffic_.sums);
        T* const into = data + step.received.begin;
        if constexpr (kFloat<T>) {
            const auto* halves = reinterpret_cast<const std::uint16_t*>(scratch(i).data());
            if (packed) {
                (step.adds ? kernels::add_bf16 : kernels::unpack_bf16)(step.received.count, halves, into);
                return;
            }
        }
        if (step.adds) kernels::add_received(step.received.count, reinterpret_cast<const T*>(scratch(i).data()), into);
    };

    for (std::int64_t i = 0; i <= steps; ++i) {
        for (; sent < std::min(steps, i + kAhead) && step_at(sent).after < i; ++sent)
            if (step_at(sent).to >= 0) send(sent, step_at(sent), rank_of(step_at(sent).to), data);
        for (; posted < std::min(steps, i + kAhead) && (posted == i || step_at(posted).adds || !in_use(posted));
             ++posted)
            if (step_at(posted).from >= 0) post_receive(posted);
        if (i < steps && step_at(i).from >= 0) finish_receive(i);
    }
    const Clock clock("wire", traffic_.wire);
    for (Outgoing& out : outgoing_) communicator_.wait(*out.request);
    outgoing_.clear();
}

void Allreduce::sum_shared(SharedMemory& memory, const Range& range) {
    if (peers_.empty())
        throw UsageError("[allreduce] the hierarchical algorithm wants equally many ranks on each node");
    const Range share = part_of(range, memory.rank(), memory.size());
    const bool several_nodes = peers_.size() > 1;
    const auto barrier = [&] {
        const Clock clock("skew", traffic_.skew);
        memory.barrier();
    };
    std::vector<float*> windows;
    for (int r = 0; r < memory.size(); ++r) windows.push_back(memory.part<float>(r) + share.begin);
    const auto sum_windows = [&] {
        std::vector<float*> at = windows;
        for (std::int64_t begin = 0; begin < share.count; begin += kShareStep) {
            const std::int64_t count = std::min(kShareStep, share.count - begin);
            for (std::size_t k = 0; k < at.size(); ++k) at[k] = windows[k] + begin;
            kernels::sum_in_place<float>(count, std::ssize(at), at.data());
        }
    };
    const auto copy_to_windows = [&] {
        const float* own = windows[static_cast<std::size_t>(memory.rank())];
        for (int r = 0; r < memory.size(); ++r)
            if (r != memory.rank()) std::copy_n(own, share.count, windows[static_cast<std::size_t>(r)]);
    };

    barrier();  // all have written what is to be summed
    if (memory.size() > 1) {
        const Clock clock("sums", traffic_.sums);
        sum_windows();
    }
    if (several_nodes) {
        sum_over(Algorithm::ring, peers_,
                 std::span(windows[static_cast<std::size_t>(memory.rank())], static_cast<std::size_t>(share.count)));
        if (memory.size() > 1) copy_to_windows();
    }
    barrier();  // all shares are there
}

}  // namespace keel
