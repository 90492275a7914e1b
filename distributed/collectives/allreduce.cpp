#include "distributed/collectives/allreduce.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <type_traits>

#include "kernels/collective/collective.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace keel {
namespace {

constexpr int kSumsTag = 1;
constexpr std::int64_t kAhead = 4;  // messages under way either way before their turn
/// Elements that are summed over all windows at once: they stay in the second-level cache until all windows are
/// written.
constexpr std::int64_t kShareStep = 16384;

bool overlap(const ElementRange& a, const ElementRange& b) { return a.begin < b.end() && b.begin < a.end(); }

/// A span of the profile whose seconds are added up as well.
class Stopwatch {
public:
    Stopwatch(const char* kind, double& seconds) : span_(kind), seconds_(seconds) {}
    ~Stopwatch() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

private:
    profile::Span span_;
    double& seconds_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

template <class T>
constexpr bool kFloat = std::is_same_v<T, float>;

/// Calls `work` for parts that cover `share`: for all of it at once, or for a part on each thread of the team.
template <class Work>
void on(Adders adders, const ElementRange& share, Work work) {
    if (adders == Adders::caller) return work(share);
    parallel_for(share.count, kShareStep, [&](std::int64_t begin, std::int64_t end) {
        work({share.begin + begin, end - begin});
    });
}

}  // namespace

Allreduce::Allreduce(Communicator& communicator, std::int64_t segment_bytes, Wire wire)
    : communicator_(communicator), segment_bytes_(segment_bytes), wire_(wire), incoming_(kAhead + 1) {
    if (segment_bytes < 1) throw UsageError("[allreduce] a segment must have a byte at least");
    everybody_ = RankGroup::every(0, communicator.size());
    peers_ = communicator.topology().peers(communicator.rank());
}

/// One run through a plan: what of it has gone out, and what is awaited.
template <class T>
class Allreduce::Pass {
public:
    Pass(Allreduce& allreduce, const AllreducePlan& plan, const RankGroup& members, T* data)
        : all_(allreduce),
          plan_(plan),
          members_(members),
          data_(data),
          packed_(kFloat<T> && allreduce.wire_ == Wire::bf16) {}

    void run() {
        const std::int64_t steps = plan_.size();
        for (std::int64_t i = 0; i <= steps; ++i) {
            const std::int64_t ahead = std::min(steps, i + kAhead);
            for (; known_ < ahead; ++known_) window_[slot(known_)] = plan_[known_];
            for (; sent_ < ahead && step(sent_).after < i; ++sent_)
                if (step(sent_).to >= 0) send(sent_);
            for (; posted_ < ahead && (posted_ == i || step(posted_).adds || !in_use(posted_)); ++posted_)
                if (step(posted_).from >= 0) post_receive(posted_);
            if (i < steps && step(i).from >= 0) finish_receive(i);
        }
        const Stopwatch clock("wire", all_.traffic_.wire);
        for (Outgoing& out : all_.outgoing_) all_.communicator_.wait(*out.request);
        all_.outgoing_.clear();
    }

private:
    static std::size_t slot(std::int64_t i) { return static_cast<std::size_t>(i) % (kAhead + 1); }
    /// Of the transfers that are done and those ahead of them no more are asked for than the window holds.
    const Transfer& step(std::int64_t i) const { return window_[slot(i)]; }
    int rank_of(int member) const { return members_[member]; }
    /// Memory for what comes in at step i and does not go to its place at once.
    std::vector<std::byte>& scratch(std::int64_t i) const { return all_.incoming_[slot(i)]; }

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
    const RankGroup& members_;
    T* data_;
    bool packed_;  // on the wire
    std::array<Transfer, kAhead + 1> window_;
    std::array<Request, kAhead + 1> requests_;
    std::int64_t known_ = 0;              // steps that were in the window
    std::int64_t sent_ = 0, posted_ = 0;  // the next steps whose message goes out, whose receive is posted
};

template <class T>
void Allreduce::Pass<T>::send(std::int64_t i) {
    const ElementRange& sent = step(i).sent;
    Outgoing out{sent, {}, {}};
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
    out.request = all_.communicator_.send(rank_of(step(i).to), kSumsTag, bytes, size);
    ++all_.traffic_.messages;
    all_.traffic_.bytes += static_cast<std::int64_t>(size);
    all_.outgoing_.push_back(std::move(out));
}

template <class T>
void Allreduce::Pass<T>::settle(const ElementRange& range) {
    std::erase_if(all_.outgoing_, [&](Outgoing& out) {
        if (all_.communicator_.done(*out.request)) return true;
        if (!overlap(out.sent, range)) return false;
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
    requests_[slot(i)] = all_.communicator_.receive(rank_of(step(i).from), kSumsTag, into, bytes);
}

template <class T>
void Allreduce::Pass<T>::finish_receive(std::int64_t i) {
    const ElementRange& received = step(i).received;
    {
        const Stopwatch clock("wire", all_.traffic_.wire);
        all_.communicator_.wait(*requests_[slot(i)]);
    }
    const Stopwatch clock("sums", all_.traffic_.sums);
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
void Allreduce::sum_over(Algorithm algorithm, const RankGroup& members, std::span<T> data) {
    if (members.size() < 2) return;
    const int me = members.place_of(communicator_.rank());
    const std::int64_t segment = std::max<std::int64_t>(1, segment_bytes_ / static_cast<std::int64_t>(sizeof(T)));
    const auto execute = [&](const AllreducePlan& plan) { Pass<T>(*this, plan, members, data.data()).run(); };
    switch (algorithm) {
        case Algorithm::ring:
            return execute(plan_ring(me, members.size(), std::ssize(data), segment));
        case Algorithm::halving_doubling:
            return execute(plan_halving_doubling(me, members.size(), std::ssize(data), segment));
        case Algorithm::hierarchical:
            break;
    }
    throw UsageError("[allreduce] the hierarchical algorithm wants memory that the ranks of a node share");
}
template void Allreduce::sum_over(Algorithm, const RankGroup&, std::span<float>);
template void Allreduce::sum_over(Algorithm, const RankGroup&, std::span<double>);

void Allreduce::sum_shared(SharedMemory& memory, const ElementRange& range) {
    sum_in_node(memory, range, Adders::caller);
    if (!several_nodes()) return;
    sum_between_nodes(memory, range);
    spread_in_node(memory, range, Adders::caller);
}

/// One wait instead of two: every rank adds all of it. The order is that of sum_in_place(), and so are the bits.
void Allreduce::sum_in_slots(SharedMemory& memory, const ElementRange& range) {
    float* const own = memory.part<float>(memory.rank()) + range.begin;
    {
        const Stopwatch clock("skew", node_traffic_.skew);
        memory.exchange(own, static_cast<std::size_t>(range.count) * sizeof(float));
    }
    if (memory.rank() != 0) std::copy_n(memory.slot<float>(0), range.count, own);
    for (int r = 1; r < memory.size(); ++r) kernels::add_received(range.count, memory.slot<float>(r), own);
}

void Allreduce::sum_in_node(SharedMemory& memory, const ElementRange& range, Adders adders) {
    if (peers_.empty())
        throw UsageError("[allreduce] the hierarchical algorithm wants equally many ranks on each node");
    if (memory.size() > 1 && !several_nodes() &&
        fits_slots(memory.size(), range.count * static_cast<std::int64_t>(sizeof(float))))
        return sum_in_slots(memory, range);
    const ElementRange share = part_of(range, memory.rank(), memory.size());
    const auto barrier = [&] {
        const Stopwatch clock("skew", node_traffic_.skew);
        memory.barrier();
    };
    barrier();  // all have written what is to be summed
    if (memory.size() > 1) {
        const Stopwatch clock("sums", node_traffic_.sums);
        on(adders, share, [&](const ElementRange& part) {
            std::vector<float*> at(static_cast<std::size_t>(memory.size()));
            for (int r = 0; r < memory.size(); ++r)
                at[static_cast<std::size_t>(r)] = memory.part<float>(r) + part.begin;
            for (std::int64_t done = 0, count; done < part.count; done += count) {
                count = std::min(kShareStep, part.count - done);
                kernels::sum_in_place<float>(count, std::ssize(at), at.data());
                for (float*& window : at) window += count;
            }
        });
    }
    if (!several_nodes()) barrier();  // all shares are there
}

void Allreduce::sum_between_nodes(SharedMemory& memory, const ElementRange& range) {
    const ElementRange share = part_of(range, memory.rank(), memory.size());
    sum_over(Algorithm::ring, peers_,
             std::span(memory.part<float>(memory.rank()) + share.begin, static_cast<std::size_t>(share.count)));
}

void Allreduce::spread_in_node(SharedMemory& memory, const ElementRange& range, Adders adders) {
    const ElementRange share = part_of(range, memory.rank(), memory.size());
    if (memory.size() > 1) {
        const Stopwatch clock("sums", node_traffic_.sums);
        on(adders, share, [&](const ElementRange& part) {
            const float* const own = memory.part<float>(memory.rank()) + part.begin;
            for (int r = 0; r < memory.size(); ++r)
                if (r != memory.rank()) std::copy_n(own, part.count, memory.part<float>(r) + part.begin);
        });
    }
    const Stopwatch clock("skew", node_traffic_.skew);
    memory.barrier();  // all shares are there
}

Traffic& Traffic::operator+=(const Traffic& other) {
    messages += other.messages;
    bytes += other.bytes;
    skew += other.skew;
    wire += other.wire;
    sums += other.sums;
    return *this;
}

Traffic Allreduce::traffic() const {
    Traffic all = traffic_;
    return all += node_traffic_;
}

}  // namespace keel
