#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <immintrin.h>
#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <limits>

#include "distributed/mpi/launched.h"
#include "distributed/mpi/mpi_communicator.h"
#include "kernels/error.h"

namespace keel {
namespace {

void check(int code, const char* what) {
    if (code == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, text, &length);
    throw IoError("[mpi] " + std::string(what) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

int count_of(std::size_t bytes) {
    if (bytes > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        throw UsageError("[mpi] a message of " + std::to_string(bytes) + " bytes is too long");
    return static_cast<int>(bytes);
}

struct MpiMessage final : Message {
    MPI_Request request = MPI_REQUEST_NULL;
};

/// Grows from doing nothing to sleeping: a wait of microseconds must not cost more, one of milliseconds must leave the
/// core to whoever computes.
class Patience {
public:
    void lose() {
        ++turns_;
        if (turns_ < kAwake) {
            _mm_pause();
        } else if (turns_ < kYielding) {
            ::sched_yield();
        } else {
            const timespec nap{0, 20'000};
            ::nanosleep(&nap, nullptr);
        }
    }

private:
    static constexpr int kAwake = 200, kYielding = 2000;
    int turns_ = 0;
};

class MpiCommunicator final : public Communicator {
public:
    MpiCommunicator() {
        // UCX, which MPICH may stand on, reads another process's memory for a message within a node, and ends this
        // process where that one has died, before a line could name it. What it puts over TCP in place of that, and
        // between nodes, can keep it from ending.
        ::setenv("UCX_TLS", "^cma", 0);
        ::setenv("UCX_TCP_PUT_ENABLE", "n", 0);
        int provided = 0;
        check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
        if (provided < MPI_THREAD_FUNNELED)
            throw UsageError("[mpi] " + mpi_library() +
                             " was built without threads: Keel wants MPI_THREAD_FUNNELED or more");
        // Errors of no communicator go to that of the world in MPI 3, to that of the process itself in MPI 4.
        for (const MPI_Comm comm : {MPI_COMM_WORLD, MPI_COMM_SELF}) MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
        check(MPI_Comm_dup(MPI_COMM_WORLD, &world_), "MPI_Comm_dup");
        MPI_Comm_set_errhandler(world_, MPI_ERRORS_RETURN);
        check(MPI_Comm_rank(world_, &rank_), "MPI_Comm_rank");
        check(MPI_Comm_size(world_, &size_), "MPI_Comm_size");
        check(MPI_Comm_split_type(world_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node_), "MPI_Comm_split_type");
        MPI_Comm_set_errhandler(node_, MPI_ERRORS_RETURN);
        find_topology();
    }

    ~MpiCommunicator() override {
        for (MPI_Win& window : windows_) MPI_Win_free(&window);
        MPI_Comm_free(&node_);
        MPI_Comm_free(&world_);
        MPI_Finalize();
    }

    int rank() const override { return rank_; }
    int size() const override { return size_; }
    const Topology& topology() const override { return topology_; }

    Request send(int to, int tag, const void* data, std::size_t bytes) override {
        auto message = std::make_unique<MpiMessage>();
        check(MPI_Isend(data, count_of(bytes), MPI_BYTE, to, tag, world_, &message->request), "MPI_Isend");
        return message;
    }
    Request receive(int from, int tag, void* data, std::size_t bytes) override {
        auto message = std::make_unique<MpiMessage>();
        check(MPI_Irecv(data, count_of(bytes), MPI_BYTE, from, tag, world_, &message->request), "MPI_Irecv");
        return message;
    }
    bool done(Message& message) override {
        int flag = 0;
        check(MPI_Test(&static_cast<MpiMessage&>(message).request, &flag, MPI_STATUS_IGNORE), "MPI_Test");
        return flag != 0;
    }
    void wait(Message& message) override {
        for (Patience patience; !done(message);) patience.lose();
    }

    std::unique_ptr<SharedMemory> share(std::size_t bytes) override {
        int local = 0, locals = 0;
        MPI_Comm_rank(node_, &local);
        MPI_Comm_size(node_, &locals);
        MPI_Info info = MPI_INFO_NULL;
        MPI_Info_create(&info);
        MPI_Info_set(info, "alloc_shared_noncontig",
                     "true");  // each block on pages of its own, near the rank that touches it first
        std::byte* own = nullptr;
        MPI_Win window = MPI_WIN_NULL;
        // A line more, for where the block begins is up to MPI.
        const std::size_t wanted = SharedMemory::block_bytes(bytes) + kLine;
        bool fits = all_say(locals == 1 || is_room_for(static_cast<std::size_t>(locals) * wanted));
        if (fits)
            fits = all_say(MPI_Win_allocate_shared(static_cast<MPI_Aint>(wanted), 1, info, node_,
                                                   static_cast<void*>(&own), &window) == MPI_SUCCESS);
        MPI_Info_free(&info);
        if (!fits) return SharedMemory::of_one(bytes, true);
        windows_.push_back(window);
        std::vector<std::byte*> blocks;
        for (int r = 0; r < locals; ++r) {
            MPI_Aint size = 0;
            int unit = 0;
            std::byte* block = nullptr;
            check(MPI_Win_shared_query(window, r, &size, &unit, static_cast<void*>(&block)), "MPI_Win_shared_query");
            blocks.push_back(aligned(block));
        }
        SharedMemory::prepare(aligned(own));
        check(MPI_Barrier(node_), "MPI_Barrier");
        return std::make_unique<SharedMemory>(local, std::move(blocks), bytes,
                                              nullptr);  // the window lives until MPI ends
    }

private:
    static constexpr std::size_t kLine = 64;
    /// The same place in every rank's view, for MPI maps windows at whole pages.
    static std::byte* aligned(std::byte* block) {
        const auto address = reinterpret_cast<std::uintptr_t>(block);
        return block + ((address + kLine - 1) / kLine * kLine - address);
    }

    /// Where the makes of MPI put what ranks share. Some look for room themselves, others map what is not there, and
    /// whoever touches it first is ended by SIGBUS.
    static bool is_room_for(std::size_t bytes) {
        struct statvfs room {};
        constexpr std::size_t kOthers = std::size_t{1} << 20;  // what MPI itself may still want there
        return ::statvfs("/dev/shm", &room) != 0 || room.f_bavail * room.f_frsize >= bytes + kOthers;
    }

    /// Whether all ranks say yes.
    bool all_say(bool yes) {
        int own = yes ? 1 : 0, all = 0;
        check(MPI_Allreduce(&own, &all, 1, MPI_INT, MPI_MIN, world_), "MPI_Allreduce");
        return all == 1;
    }

    void find_topology() {
        int first = rank_;
        check(MPI_Bcast(&first, 1, MPI_INT, 0, node_), "MPI_Bcast");
        std::vector<int> firsts(static_cast<std::size_t>(size_));
        check(MPI_Allgather(&first, 1, MPI_INT, firsts.data(), 1, MPI_INT, world_), "MPI_Allgather");
        std::vector<int> leaders = firsts;
        std::ranges::sort(leaders);
        leaders.erase(std::unique(leaders.begin(), leaders.end()), leaders.end());
        for (const int leader : firsts)
            topology_.node_of.push_back(static_cast<int>(std::ranges::lower_bound(leaders, leader) - leaders.begin()));
    }

    MPI_Comm world_ = MPI_COMM_NULL, node_ = MPI_COMM_NULL;
    int rank_ = 0, size_ = 1;
    Topology topology_;
    std::vector<MPI_Win> windows_;
};

}  // namespace

std::string mpi_library() {
    // Of the library that is there now: one built with Open MPI 4 runs with 5.
    std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
    int length = 0;
    MPI_Get_library_version(text.data(), &length);
    return mpi_name({text.data(), static_cast<std::size_t>(length)});
}

std::unique_ptr<Communicator> mpi_communicator() { return std::make_unique<MpiCommunicator>(); }

void abort_ranks(int exit_code) {
    int running = 0, over = 0;
    MPI_Initialized(&running);
    MPI_Finalized(&over);
    if (running == 0 || over != 0) return;
    let_launcher_read();
    MPI_Abort(MPI_COMM_WORLD, exit_code);
}

}  // namespace keel
