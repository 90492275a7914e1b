// A thousand ranks as threads of this process: the planner, the sums and the heartbeat as they are, with tiny buckets.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <limits>
#include <map>
#include <mutex>
#include <thread>

#include "distributed/collectives/gradient_buckets.h"
#include "distributed/gather.h"
#include "distributed/heartbeat/heartbeat.h"
#include "distributed/heartbeat/heartbeat_tree.h"
#include "distributed/thread_communicator.h"
#include "engine/autograd.h"
#include "engine/ops.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Bytes that are allocated now, on all heaps of the process.
std::size_t allocated() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

/// A model of two buckets of 64 bytes, whose gradients are integers.
struct TinyNet {
    Tensor weights = Tensor::full({4, 4}, 1).set_requires_grad(), bias = Tensor::full({4}, 1).set_requires_grad();
    std::vector<NamedTensor> parameters() const { return {{"weights", weights}, {"bias", bias}}; }
    void backward_of(int rank) const {
        const Tensor dst = linear(Tensor::full({1, 4}, static_cast<float>(rank % 7)), weights, bias);
        backward(dst, Tensor::full({1, 4}, 1));
    }
    void clear() const {
        for (const auto& [name, tensor] : parameters()) tensor.set_grad({});
    }
};

/// What all ranks of a world hold at once, while none of them does anything: bytes.
std::size_t bytes_held(int ranks, int per_node, Algorithm algorithm, std::atomic<std::int64_t>& wrong) {
    const std::size_t before = allocated();
    std::size_t held = 0;
    float sum = 0;
    for (int r = 0; r < ranks; ++r) sum += static_cast<float>(r % 7);
    run_worlds({ranks, per_node, {}}, [&](World& world) {
        TinyNet net;
        GradientBuckets buckets(world, net.parameters(), CostModel{},
                                {.bucket_bytes = 64, .algorithm = algorithm, .overlap = Overlap::on});
        for (int step = 0; step < 2; ++step) {
            net.clear();
            buckets.begin();
            net.backward_of(world.rank());
            buckets.finish();
            wrong += net.weights.grad().values<float>()[0] != sum;
            wrong += net.bias.grad().values<float>()[3] != static_cast<float>(ranks);
        }
        wrong += buckets.plan().buckets.size() != 2;
        world.barrier();
        if (world.is_root()) held = allocated();
        world.barrier();
    });
    return held - before;
}

/// Files that this process may have open; false where the system allows fewer.
bool allow_files(rlim_t count) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    if (limit.rlim_cur >= count) return true;
    limit.rlim_cur = std::min(limit.rlim_max, std::max(count, limit.rlim_cur));
    return limit.rlim_cur >= count && ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/// What a rank outside of the process writes and reads in place of messages.
std::vector<std::string> exchange_in_files(const std::string& folder, int rank, const std::vector<int>& with,
                                           const std::string& mine) {
    const auto file = [&](int from, int to) { return folder + "/" + std::to_string(from) + "-" + std::to_string(to); };
    std::vector<std::string> theirs;
    for (const int other : with) {
        test::write_text(file(rank, other) + ".new", mine);
        std::filesystem::rename(file(rank, other) + ".new", file(rank, other));
    }
    for (const int other : with) {
        while (!std::filesystem::exists(file(other, rank))) std::this_thread::sleep_for(5ms);
        theirs.push_back(test::read_text(file(other, rank)));
    }
    return theirs;
}

/// The one rank that is a process, so that it can be killed: its heartbeat, and no more.
[[noreturn]] void live_alone(int rank, int size, const std::string& folder) {
    Heartbeat heartbeat(
        {.rank = rank, .size = size, .limits = {.silence = 60, .start = 60}},
        [&](const std::vector<int>& with, const std::string& mine) {
            return exchange_in_files(folder, rank, with, mine);
        },
        [](const RankFailure&) { ::_exit(69); });
    heartbeat.at({3, 1});
    for (;;) ::pause();
}

/// Who has failed, as the ranks hear it.
class Verdicts {
public:
    void add(const RankFailure& failure) {
        const std::lock_guard lock(mutex_);
        ++times_[failure.kind == FailureKind::died ? failure.rank : -2];
        changed_.notify_all();
    }
    bool wait_for(int count, std::chrono::seconds limit) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] {
            int all = 0;
            for (const auto& [rank, times] : times_) all += times;
            return all >= count;
        });
    }
    std::map<int, int> times() {
        const std::lock_guard lock(mutex_);
        return times_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<int, int> times_;
};

/// `ranks` train; one of them, a process beside the others' threads, is killed. Seconds until all have started, and
/// from the kill until all others have named it.
struct Times {
    double start = 0, named = 0;
};
Times kill_one(int ranks, int victim) {
    const test::TemporaryFolder folder;
    const pid_t child = ::fork();
    if (child == 0) live_alone(victim, ranks, folder / "");
    Times result;
    Verdicts verdicts;
    std::atomic<int> wrong{0};
    std::mutex mutex;
    const auto begin = Clock::now();
    run_worlds({ranks, 4, {}}, [&](World& world) {
        const int rank = world.rank();
        std::unique_ptr<Heartbeat> heartbeat;
        // Those that the victim talks to reach it by files, all others each other by messages, in one order on all.
        const auto exchange = [&](const std::vector<int>& with, const std::string& mine) {
            std::vector<int> in_process, outside;
            for (const int other : with) (other == victim ? outside : in_process).push_back(other);
            auto texts = world.exchange_texts(in_process, mine);
            if (!outside.empty())
                texts.insert(texts.begin() + (std::ranges::find(with, victim) - with.begin()),
                             exchange_in_files(folder / "", rank, outside, mine)[0]);
            return texts;
        };
        if (rank != victim)
            heartbeat = std::make_unique<Heartbeat>(
                HeartbeatOptions{.rank = rank, .size = ranks, .limits = {.silence = 60, .start = 60}}, exchange,
                [&](const RankFailure& failure) { verdicts.add(failure); });
        TinyNet net;
        GradientBuckets buckets(world, net.parameters(), CostModel{},
                                {.bucket_bytes = 64, .algorithm = {}, .overlap = Overlap::on});
        for (int step = 0; step < 3; ++step) {
            if (heartbeat) heartbeat->enter({step, 0}, 600);
            net.clear();
            buckets.begin();
            net.backward_of(rank);
            buckets.finish();
            if (heartbeat) heartbeat->leave();
            wrong += net.bias.grad().values<float>()[3] != static_cast<float>(ranks);
        }
        world.barrier();
        if (world.is_root()) {
            result.start = seconds_since(begin);
            const auto killed = Clock::now();
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
            verdicts.wait_for(ranks - 1, 60s);
            result.named = seconds_since(killed);
        }
        world.barrier();
        heartbeat.reset();
    });
    CHECK(wrong == 0);
    CHECK(verdicts.times() == std::map<int, int>{{victim, ranks - 1}});
    return result;
}

}  // namespace

TEST_CASE("What a rank holds does not grow with the number of ranks", "[many_ranks]") {
    const ThreadScope one(1);
    for (const Algorithm algorithm : {Algorithm::ring, Algorithm::halving_doubling, Algorithm::hierarchical}) {
        CAPTURE(std::string(name(algorithm)));
        std::atomic<std::int64_t> wrong{0};
        const int per_node = algorithm == Algorithm::hierarchical ? 4 : 1;
        bytes_held(8, per_node, algorithm, wrong);  // what the process makes once
        const auto few = static_cast<double>(bytes_held(64, per_node, algorithm, wrong));
        double many = std::numeric_limits<double>::infinity();  // the lesser of two: messages under way come and go
        for (int i = 0; i < 2; ++i)
            many = std::min(many, static_cast<double>(bytes_held(512, per_node, algorithm, wrong)));
        CHECK(wrong == 0);
        // Eight times the ranks hold eight times as much, and three rounds more each, of some hundred bytes; a list of
        // all ranks in each, of eight bytes an entry, would be 1,835,008 bytes more.
        CHECK(many < 8 * few + 1'048'576);
    }
}

TEST_CASE("128 ranks in a tree name the one that is killed", "[many_ranks]") {
    const ThreadScope one(1);
    if (!allow_files(1024)) {
        WARN("skipped: too few open files are allowed");
        return;
    }
    kill_one(128, 100);
}

TEST_CASE("1,024 ranks start within 30 s and name the one that is killed within 10 s", "[many_ranks][slow]") {
    const ThreadScope one(1);
    if (!allow_files(6000)) {
        WARN("skipped: wants 6,000 open files");
        return;
    }
    for (const int victim : {1000, 7}) {  // one that talks to rank 31 or so, one that others talk to
        CAPTURE(victim, heartbeat_children(victim, 1024, kTreeArity).size());
        const Times times = kill_one(1024, victim);
        WARN("1,024 ranks started and made three steps in " << times.start << " s, named rank " << victim << " in "
                                                            << times.named << " s");
        CHECK(times.start < 30);
        CHECK(times.named < 10);
    }
    std::atomic<std::int64_t> wrong{0};
    for (const Algorithm algorithm : {Algorithm::ring, Algorithm::halving_doubling, Algorithm::hierarchical}) {
        const int per_node = algorithm == Algorithm::hierarchical ? 4 : 1;
        const auto few = static_cast<double>(bytes_held(256, per_node, algorithm, wrong)),
                   many = static_cast<double>(bytes_held(1024, per_node, algorithm, wrong));
        WARN(std::string(name(algorithm))
             << ": " << few / 256 << " bytes a rank of 256, " << many / 1024 << " of 1,024");
        CHECK(many < 4 * few + 1'572'864);  // half of what a list of four bytes an entry would be
    }
    CHECK(wrong == 0);
}
