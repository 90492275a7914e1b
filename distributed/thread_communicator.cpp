#include "distributed/thread_communicator.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "distributed/world.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// One side of a message. It outlives the other side's look at it: both hold it.
struct Letter {
    Letter(std::byte* memory, std::size_t size, int waiting, int to)
        : data(memory), bytes(size), owner(waiting), desk(to) {}

    std::byte* data;
    std::size_t bytes;
    int owner, desk;                // the rank that waits for it, and the one that the message goes to
    std::atomic<bool> done{false};  // or given up, where its rank fails: then its memory may be gone
};

/// What a rank waits with, and what waits for it. Each has locks of its own: with one for all, every message of a
/// thousand ranks would wake all of them.
struct Desk {
    struct Box {
        std::deque<std::shared_ptr<Letter>> sent, wanted;
    };
    std::mutex mail_mutex;
    std::map<std::pair<int, int>, Box> boxes;  // of what comes in, by sender and tag; none is empty
    std::mutex bell_mutex;
    std::condition_variable bell;
};

/// The ranks of a node that make memory together: the last one to come tells the others.
struct ShareDesk {
    struct Call {
        explicit Call(std::size_t ranks) : blocks(ranks) {}
        ~Call() {
            for (std::byte* block : blocks) ::operator delete(block, kPage);
        }
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
        std::vector<std::byte*> blocks;
        std::size_t came = 0;
    };
    static constexpr std::align_val_t kPage{4096};
    std::mutex mutex;
    std::condition_variable complete;
    std::map<std::size_t, std::shared_ptr<Call>> calls;  // those that not all ranks have come to, by their number
};

struct PostOffice {
    explicit PostOffice(const ThreadWorld& w)
        : world(w),
          desks(static_cast<std::size_t>(w.ranks)),
          shares(static_cast<std::size_t>((w.ranks + w.per_node - 1) / w.per_node)) {
        for (int r = 0; r < w.ranks; ++r) topology.node_of.push_back(r / w.per_node);
    }
    Desk& desk(int rank) { return desks[static_cast<std::size_t>(rank)]; }

    void ring(int rank) {
        {
            const std::lock_guard lock(desk(rank).bell_mutex);  // between its look and its sleep
        }
        desk(rank).bell.notify_all();
    }
    void ring_all() {
        for (int r = 0; r < world.ranks; ++r) ring(r);
        for (ShareDesk& share : shares) {
            { const std::lock_guard lock(share.mutex); }
            share.complete.notify_all();
        }
    }
    /// In a handler: its exception ends the world. From now on whoever sends or waits throws.
    void fail() {
        {
            const std::lock_guard lock(first_mutex);
            if (!failed) first = std::current_exception();
            failed = true;
        }
        ring_all();
    }

    /// Puts one side of a message into the receiver's box, and delivers it if the other side is there.
    void post(int from, int to, int tag, std::deque<std::shared_ptr<Letter>> Desk::Box::*side,
              const std::shared_ptr<Letter>& letter) {
        std::shared_ptr<Letter> out, in;
        {
            Desk& at = desk(to);
            const std::lock_guard lock(at.mail_mutex);
            if (failed) return;  // whose sender or receiver waits for it throws
            const auto box = at.boxes.try_emplace({from, tag}).first;
            (box->second.*side).push_back(letter);
            if (box->second.sent.empty() || box->second.wanted.empty()) return;
            out = std::move(box->second.sent.front());
            in = std::move(box->second.wanted.front());
            box->second.sent.pop_front();
            box->second.wanted.pop_front();
            if (box->second.sent.empty() && box->second.wanted.empty()) at.boxes.erase(box);
            if (out->done || in->done) return;
            if (out->bytes != in->bytes) mismatch = true;
            if (const std::size_t bytes = std::min(out->bytes, in->bytes); bytes > 0)
                std::memcpy(in->data, out->data, bytes);
            out->done = true;
            in->done = true;
        }
        if (mismatch) return ring_all();
        ring(out->owner == letter->owner ? in->owner : out->owner);  // this side is awake
    }

    const ThreadWorld& world;
    Topology topology;
    std::vector<Desk> desks;
    std::vector<ShareDesk> shares;
    std::atomic<bool> failed = false, mismatch = false;
    std::mutex first_mutex;
    std::exception_ptr first;  // of a rank
};

struct ThreadMessage final : Message {
    ThreadMessage(PostOffice& o, std::shared_ptr<Letter> l) : office(o), letter(std::move(l)) {}
    ~ThreadMessage() override {
        if (letter->done) return;
        const std::lock_guard lock(office.desk(letter->desk).mail_mutex);  // who copies just now is done first
        letter->done = true;
    }
    PostOffice& office;
    std::shared_ptr<Letter> letter;
};

class ThreadCommunicator final : public Communicator {
public:
    ThreadCommunicator(PostOffice& office, int rank) : office_(office), rank_(rank) {}

    int rank() const override { return rank_; }
    int size() const override { return office_.world.ranks; }
    const Topology& topology() const override { return office_.topology; }

    Request send(int to, int tag, const void* data, std::size_t bytes) override {
        return post(rank_, to, tag, &Desk::Box::sent, const_cast<void*>(data), bytes);
    }
    Request receive(int from, int tag, void* data, std::size_t bytes) override {
        return post(from, rank_, tag, &Desk::Box::wanted, data, bytes);
    }
    bool done(Message& message) override {
        step();
        check();
        return static_cast<ThreadMessage&>(message).letter->done;
    }
    void wait(Message& message) override {
        step();
        const auto& letter = static_cast<ThreadMessage&>(message).letter;
        Desk& own = office_.desk(rank_);
        std::unique_lock lock(own.bell_mutex);
        own.bell.wait(lock, [&] { return letter->done || office_.failed || office_.mismatch; });
        check();
    }

    std::unique_ptr<SharedMemory> share(std::size_t bytes) override {
        const auto first = static_cast<std::size_t>(rank_ / office_.world.per_node * office_.world.per_node);
        const auto ranks = std::min(static_cast<std::size_t>(office_.world.per_node),
                                    static_cast<std::size_t>(office_.world.ranks) - first);
        const std::size_t local = static_cast<std::size_t>(rank_) - first, number = shared_++;
        auto* const block = static_cast<std::byte*>(::operator new(SharedMemory::block_bytes(bytes), ShareDesk::kPage));
        SharedMemory::prepare(block);
        ShareDesk& desk = office_.shares[first / static_cast<std::size_t>(office_.world.per_node)];
        std::unique_lock lock(desk.mutex);
        auto& open = desk.calls[number];
        if (!open) open = std::make_shared<ShareDesk::Call>(ranks);
        const std::shared_ptr<ShareDesk::Call> call = open;
        call->blocks[local] = block;
        if (++call->came == ranks) {
            desk.calls.erase(number);
            desk.complete.notify_all();
        }
        desk.complete.wait(lock, [&] { return call->came == ranks || office_.failed; });
        check();
        return std::make_unique<SharedMemory>(static_cast<int>(local), call->blocks, bytes, call);
    }

private:
    Request post(int from, int to, int tag, std::deque<std::shared_ptr<Letter>> Desk::Box::*side, void* data,
                 std::size_t bytes) {
        step();
        check();
        auto letter = std::make_shared<Letter>(static_cast<std::byte*>(data), bytes, rank_, to);
        office_.post(from, to, tag, side, letter);
        return std::make_unique<ThreadMessage>(office_, std::move(letter));
    }
    void step() const {
        if (office_.world.before_step) office_.world.before_step(rank_);
    }
    void check() const {
        if (office_.mismatch) throw UsageError("[communicator] a message is not as long as its receiver expects");
        if (office_.failed) throw IoError("[communicator] another rank of this world has failed");
    }

    PostOffice& office_;
    int rank_;
    std::size_t shared_ = 0;  // calls of share()
};

/// Runs body(office, rank) on every rank, each a thread.
void run_threads(const ThreadWorld& world, const std::function<void(PostOffice&, int)>& body) {
    if (world.ranks < 1 || world.per_node < 1)
        throw UsageError("[ranks] wanted 1 rank or more, and 1 or more a node, got " + std::to_string(world.ranks) +
                         " and " + std::to_string(world.per_node));
    PostOffice office(world);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < world.ranks; ++rank)
        threads.emplace_back([&, rank] {
            try {
                body(office, rank);
            } catch (...) {
                office.fail();
            }
        });
    for (std::thread& thread : threads) thread.join();
    if (office.first) std::rethrow_exception(office.first);
}

}  // namespace

void run_ranks(const ThreadWorld& world, const std::function<void(Communicator&)>& body) {
    run_threads(world, [&](PostOffice& office, int rank) {
        ThreadCommunicator communicator(office, rank);
        body(communicator);
    });
}

void run_worlds(const ThreadWorld& world, const std::function<void(World&)>& body) {
    run_threads(world, [&](PostOffice& office, int rank) {
        World own([&] { return std::make_shared<ThreadCommunicator>(office, rank); });
        try {
            body(own);
        } catch (...) {
            office.fail();  // before the World waits for what it still has to do with others, who may have left
            throw;
        }
    });
}

}  // namespace keel
