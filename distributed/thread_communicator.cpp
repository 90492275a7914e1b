#include "distributed/thread_communicator.h"

#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>

#include "distributed/world.h"
#include "kernels/error.h"

namespace keel {
namespace {

/// One side of a message. It outlives the other side's look at it: both hold it.
struct Letter {
    std::byte* data;
    std::size_t bytes;
    bool done = false;
};

/// What all ranks share; one lock for all of it.
struct PostOffice {
    using Address = std::tuple<int, int, int>;  // from, to, tag
    struct Box {
        std::deque<std::shared_ptr<Letter>> sent, wanted;
    };

    explicit PostOffice(const ThreadWorld& w) : world(w) {
        for (int r = 0; r < w.ranks; ++r) topology.node_of.push_back(r / std::max(w.per_node, 1));
        shares.resize(static_cast<std::size_t>(w.ranks));
    }

    void deliver(const Address& address) {
        Box& box = boxes[address];
        while (!box.sent.empty() && !box.wanted.empty()) {
            const auto out = box.sent.front(), in = box.wanted.front();
            box.sent.pop_front();
            box.wanted.pop_front();
            if (out->bytes != in->bytes) mismatch = true;
            std::memcpy(in->data, out->data, std::min(out->bytes, in->bytes));
            out->done = in->done = true;
        }
        changed.notify_all();
    }

    /// In a handler: its exception ends the world. From now on whoever sends or waits throws.
    void fail() {
        const std::lock_guard lock(mutex);
        if (!failed) first = std::current_exception();
        failed = true;
        changed.notify_all();
    }

    const ThreadWorld& world;
    Topology topology;
    std::mutex mutex;
    std::condition_variable changed;
    std::map<Address, Box> boxes;
    std::vector<std::vector<std::shared_ptr<std::byte>>> shares;  // of each rank, in the order of its calls
    bool failed = false, mismatch = false;
    std::exception_ptr first;  // of a rank
};

struct ThreadMessage final : Message {
    explicit ThreadMessage(std::shared_ptr<Letter> l) : letter(std::move(l)) {}
    std::shared_ptr<Letter> letter;
};

class ThreadCommunicator final : public Communicator {
public:
    ThreadCommunicator(PostOffice& office, int rank) : office_(office), rank_(rank) {}

    int rank() const override { return rank_; }
    int size() const override { return office_.world.ranks; }
    const Topology& topology() const override { return office_.topology; }

    Request send(int to, int tag, const void* data, std::size_t bytes) override {
        return post({rank_, to, tag}, &PostOffice::Box::sent, const_cast<void*>(data), bytes);
    }
    Request receive(int from, int tag, void* data, std::size_t bytes) override {
        return post({from, rank_, tag}, &PostOffice::Box::wanted, data, bytes);
    }
    bool done(Message& message) override {
        step();
        const std::lock_guard lock(office_.mutex);
        check();
        return static_cast<ThreadMessage&>(message).letter->done;
    }
    void wait(Message& message) override {
        step();
        std::unique_lock lock(office_.mutex);
        const auto& letter = static_cast<ThreadMessage&>(message).letter;
        office_.changed.wait(lock, [&] { return letter->done || office_.failed || office_.mismatch; });
        check();
    }

    std::unique_ptr<SharedMemory> share(std::size_t bytes) override {
        constexpr std::align_val_t kPage{4096};
        const std::shared_ptr<std::byte> own(
            static_cast<std::byte*>(::operator new(SharedMemory::block_bytes(bytes), kPage)),
            [](std::byte* p) { ::operator delete(p, kPage); });
        SharedMemory::prepare(own.get());
        std::unique_lock lock(office_.mutex);
        auto& mine = office_.shares[static_cast<std::size_t>(rank_)];
        mine.push_back(own);
        office_.changed.notify_all();
        const std::size_t call = mine.size();
        const auto members = office_.topology.members(office_.topology.node_of[static_cast<std::size_t>(rank_)]);
        const auto owners = std::make_shared<std::vector<std::shared_ptr<std::byte>>>();
        std::vector<std::byte*> blocks;
        int local = 0;
        for (const int member : members) {
            const auto& theirs = office_.shares[static_cast<std::size_t>(member)];
            office_.changed.wait(lock, [&] { return theirs.size() >= call || office_.failed; });
            check();
            owners->push_back(theirs[call - 1]);
            blocks.push_back(owners->back().get());
            if (member < rank_) ++local;
        }
        return std::make_unique<SharedMemory>(local, std::move(blocks), bytes, owners);
    }

private:
    Request post(const PostOffice::Address& address, std::deque<std::shared_ptr<Letter>> PostOffice::Box::*side,
                 void* data, std::size_t bytes) {
        step();
        auto letter = std::make_shared<Letter>(Letter{static_cast<std::byte*>(data), bytes});
        const std::lock_guard lock(office_.mutex);
        check();
        (office_.boxes[address].*side).push_back(letter);
        office_.deliver(address);
        return std::make_unique<ThreadMessage>(std::move(letter));
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
