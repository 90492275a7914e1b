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

bool overlap(const ElementRange& a, const ElementRange& b) { return a.begin < b.end() && b.begin < a.end(); }

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

/// One run through a plan: what of it has gone out, and what is awaited.
template <class T>
class Allreduce::Pass {
public:
    Pass(Allreduce& allreduce, const AllreducePlan& plan, const std::vector<int>& members, T* data)
        : all_(allreduce),
          plan_(plan),
          members_(members),
          data_(data),
          packed_(kFloat<T> && allreduce.wire_ == Wire::bf16),
          requests_(plan.size()) {}

    void run() {
        const std::int64_t steps = std::ssize(plan_);
        for (std::int64_t i = 0; i <= steps; ++i) {
            const std::int64_t ahead = std::min(steps, i + kAhead);
            for (; sent_ < ahead && step(sent_).after < i; ++sent_)
                if (step(sent_).to >= 0) send(sent_);
            for (; posted_ < ahead && (posted_ == i || step(posted_).adds || !in_use(posted_)); ++posted_)
                if (step(posted_).from >= 0) post_receive(posted_);
            if (i < steps && step(i).from >= 0) finish_receive(i);
        }
        const Clock clock("wire", all_.traffic_.wire);
        for (Outgoing& out : all_.outgoing_) all_.communicator_.wait(*out.request);
        all_.outgoing_.clear();
    }

private:
    const Transfer& step(std::int64_t i) const { return plan_[static_cast<std::size_t>(i)]; }
    int rank_of(int member) const { return members_[static_cast<std::size_t>(member)]; }
    /// Memory for what comes in at step i and does not go to its place at once.
    std::vector<std::byte>& scratch(std::int64_t i) const {
        return all_.incoming_[static_cast<std::size_t>(i) % all_.incoming_.size()];
    }

    void send(std::int64_t i);
    /// Forgets messages that are out, and waits for those that overlap `range`.
    void settle(const ElementRange& range);
    void post_receive(std::int64_t i);
    void finish_receive(std::int64_t i);

    /// Whether what comes in at step i may land where a message still has to be sent from.
    bool in_use(std::int64_t i) const {
        for (std::int64_t k = sent_; k < i; ++k)
            if (step(k).to >= 0 && overlap(step(k).sent, step(i).received)) return true;
        return false;
    }

    Allreduce& all_;
    const AllreducePlan& plan_;
    const std::vector<int>& members_;
    T* data_;
    bool packed_;  // on the wire
    std::vector<Request> requests_;
    std::int64_t sent_ = 0, posted_ = 0;  // the next steps whose message goes out, whose receive is posted
};

template <class T>
void Allreduce::Pass<T>::send(std::int64_t i) {
    const ElementRange& sent = step(i).sent;
    Outgoing out{i, {}, {}};
    T* const from = data_ + sent.begin;
    const void* bytes = from;
    std::size_t size = static_cast<std::size_t>(sent.count) * sizeof(T);
    if constexpr (kFloat<T>) {
        if (packed_) {
            out.packed.resize(static_cast<std::size_t>(sent.count));
            kernels::pack_bf16(sent.count, from, out.packed.data());
            // Of a sum that is complete, this rank keeps what the others get.
            if (!step(i).adds) kernels::unpack_bf16(sent.count, out.packed.data(), from);
            bytes = out.packed.data();
            size = out.packed.size() * sizeof(std::uint16_t);
        }
    }
    out.request = all_.communicator_.send(rank_of(step(i).to), kTag, bytes, size);
    ++all_.traffic_.messages;
    all_.traffic_.bytes += static_cast<std::int64_t>(size);
    all_.outgoing_.push_back(std::move(out));
}

template <class T>
void Allreduce::Pass<T>::settle(const ElementRange& range) {
    std::erase_if(all_.outgoing_, [&](Outgoing& out) {
        if (all_.communicator_.done(*out.request)) return true;
        if (!overlap(step(out.index).sent, range)) return false;
        all_.communicator_.wait(*out.request);
        return true;
    });
}

template <class T>
void Allreduce::Pass<T>::post_receive(std::int64_t i) {
    const ElementRange& received = step(i).received;
    const std::size_t bytes = static_cast<std::size_t>(received.count) * (packed_ ? sizeof(std::uint16_t) : sizeof(T));
    void* into = data_ + received.begin;
    if (step(i).adds || packed_) {
        scratch(i).resize(std::max(bytes, scratch(i).size()));
        into = scratch(i).data();
    } else {
        settle(received);
    }
    requests_[static_cast<std::size_t>(i)] = all_.communicator_.receive(rank_of(step(i).from), kTag, into, bytes);
}

template <class T>
void Allreduce::Pass<T>::finish_receive(std::int64_t i) {
    const ElementRange& received = step(i).received;
    {
        const Clock clock("wire", all_.traffic_.wire);
        all_.communicator_.wait(*requests_[static_cast<std::size_t>(i)]);
    }
    const Clock clock("sums", all_.traffic_.sums);
    T* const into = data_ + received.begin;
    if constexpr (kFloat<T>) {
        const auto* halves = reinterpret_cast<const std::uint16_t*>(scratch(i).data());
        if (packed_) {
            (step(i).adds ? kernels::add_bf16 : kernels::unpack_bf16)(received.count, halves, into);
            return;
        }
    }
    if (step(i).adds) kernels::add_received(received.count, reinterpret_cast<const T*>(scratch(i).data()), into);
}

template <class T>
void Allreduce::sum_over(Algorithm algorithm, const std::vector<int>& members, std::span<T> data) {
    if (members.size() < 2) return;
    const int me = static_cast<int>(std::ranges::find(members, communicator_.rank()) - members.begin());
    const int ranks = static_cast<int>(members.size());
    const std::int64_t segment = std::max<std::int64_t>(1, segment_bytes_ / static_cast<std::int64_t>(sizeof(T)));
    const auto execute = [&](const AllreducePlan& plan) { Pass<T>(*this, plan, members, data.data()).run(); };
    switch (algorithm) {
        case Algorithm::ring:
            return execute(plan_ring(me, ranks, std::ssize(data), segment));
        case Algorithm::halving_doubling:
            return execute(plan_halving_doubling(me, ranks, std::ssize(data), segment));
        case Algorithm::hierarchical:
            break;
    }
    throw UsageError("[allreduce] the hierarchical algorithm wants memory that the ranks of a node share");
}
template void Allreduce::sum_over(Algorithm, const std::vector<int>&, std::span<float>);
template void Allreduce::sum_over(Algorithm, const std::vector<int>&, std::span<double>);

void Allreduce::sum_shared(SharedMemory& memory, const ElementRange& range) {
    if (peers_.empty())
        throw UsageError("[allreduce] the hierarchical algorithm wants equally many ranks on each node");
    const ElementRange share = part_of(range, memory.rank(), memory.size());
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
