// Ranks of a heartbeat that are processes, so that they can be killed and stopped.
#pragma once

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <new>
#include <thread>

#include "distributed/heartbeat/heartbeat.h"
#include "distributed/heartbeat/heartbeat_address.h"
#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

namespace keel::test {

using namespace std::chrono_literals;

/// Short limits, so that the test is: what is tested does not depend on how long they are.
constexpr WatchLimits kLimits{.silence = 1, .start = 5};
constexpr int kPeerLost = 69, kFinished = 0;

/// An exchange through files: each rank writes its text and reads those that it wants.
inline Heartbeat::Exchange exchange_through(const TemporaryFolder& folder, int rank) {
    return [&folder, rank](const std::vector<int>& with, const std::string& mine) {
        const auto file = [&](int r) { return folder / ("rank" + std::to_string(r)); };
        write_text(file(rank) + ".new", mine);
        std::filesystem::rename(file(rank) + ".new", file(rank));
        std::vector<std::string> all;
        for (const int r : with) {
            while (!std::filesystem::exists(file(r))) std::this_thread::sleep_for(5ms);
            all.push_back(read_text(file(r)));
        }
        return all;
    };
}

/// What a rank's process does beside beating; `reached` tells the test that it is there.
using Body = std::function<void(int rank, Heartbeat& heartbeat, const std::function<void()>& reached)>;

/// Ranks as processes of their own, whose main threads end when they are blocked for ever only by the heartbeat.
class Ranks {
public:
    Ranks(int size, const Body& body, WatchLimits limits = kLimits, int arity = 0) : size_(size), arity_(arity) {
        if (::pipe(reached_) != 0) throw std::runtime_error("pipe");
        for (int rank = 0; rank < size; ++rank) {
            const pid_t child = ::fork();
            if (child == 0) live(rank, body, limits);
            processes_.push_back(child);
        }
        ::close(reached_[1]);
    }
    ~Ranks() {
        for (const pid_t process : processes_)
            if (process > 0) {
                ::kill(process, SIGKILL);
                ::waitpid(process, nullptr, 0);
            }
        ::close(reached_[0]);
    }

    /// Waits until so many ranks have said that they are there.
    void wait_for(int count) {
        char byte = 0;
        for (int i = 0; i < count; ++i) {
            pollfd in{reached_[0], POLLIN, 0};
            REQUIRE(::poll(&in, 1, 20'000) == 1);
            REQUIRE(::read(reached_[0], &byte, 1) == 1);
        }
    }
    void signal(int rank, int number) const { ::kill(processes_[static_cast<std::size_t>(rank)], number); }

    /// The exit code of a rank, 128 + signal where one ended it; -1 where it is alive after 20 s.
    int code(int rank) {
        int status = 0;
        pid_t ended = 0;
        pid_t& process = processes_[static_cast<std::size_t>(rank)];
        for (int i = 0; i < 2000 && (ended = ::waitpid(process, &status, WNOHANG)) == 0; ++i)
            std::this_thread::sleep_for(10ms);
        if (ended == 0) return -1;
        process = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    /// Of all ranks but `except`.
    std::vector<int> codes(int except = -1) {
        std::vector<int> codes;
        for (int rank = 0; rank < size_; ++rank)
            if (rank != except) codes.push_back(code(rank));
        return codes;
    }
    /// The line that a rank ended with.
    std::string line(int rank) const { return read_text(folder_ / ("line" + std::to_string(rank))); }

private:
    [[noreturn]] void live(int rank, const Body& body, WatchLimits limits) {
        const auto fail = [&](const RankFailure& failure) {
            write_text(folder_ / ("line" + std::to_string(rank)), failure.text());
            ::_exit(kPeerLost);
        };
        try {
            Heartbeat heartbeat({.rank = rank, .size = size_, .limits = limits, .interval = 0.05, .arity = arity_},
                                exchange_through(folder_, rank), fail);
            body(rank, heartbeat, [this] { static_cast<void>(!::write(reached_[1], "x", 1)); });
        } catch (const std::exception& error) {
            write_text(folder_ / ("line" + std::to_string(rank)), error.what());
            ::_exit(70);
        }
        ::_exit(kFinished);
    }

    int size_, arity_;
    int reached_[2] = {-1, -1};
    TemporaryFolder folder_;
    std::vector<pid_t> processes_;
};

/// Where the processes of a test wait for each other: a counter that they share.
class Meeting {
public:
    Meeting()
        : came_(static_cast<std::atomic<int>*>(
              ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        if (static_cast<void*>(came_) == MAP_FAILED) throw std::runtime_error("mmap");
        ::new (came_) std::atomic<int>(0);
    }
    ~Meeting() { ::munmap(came_, sizeof(std::atomic<int>)); }
    Meeting(const Meeting&) = delete;
    Meeting& operator=(const Meeting&) = delete;
    /// Comes back when `count` processes have come.
    void wait_for(int count) const {
        for (++*came_; *came_ < count;) std::this_thread::sleep_for(1ms);
    }

private:
    std::atomic<int>* came_;
};

/// Blocked as in MPI: only the end of the process helps.
[[noreturn]] inline void block() {
    for (;;) ::pause();
}

/// `signal` hits a rank in this phase of a step.
inline void check_victim(int victim, int signal, const std::string& phase, int size = 4, int arity = 0) {
    CAPTURE(victim, signal, phase, size, arity);
    const auto live = [&](int rank, Heartbeat& heartbeat, const auto& reached) {
        heartbeat.at({7, -1});
        heartbeat.enter({7, 2}, 100);
        if (phase == "between steps") heartbeat.leave();
        if (phase == "before it" && rank == victim) {
            // The others have gone on into the next bucket.
            heartbeat.leave();
        } else if (phase == "before it") {
            heartbeat.leave();
            heartbeat.enter({7, 3}, 100);
        }
        std::this_thread::sleep_for(200ms);  // some beats
        if (phase == "done") heartbeat.leave();
        reached();
        if (phase == "done" && rank != victim) heartbeat.finish();
        block();
    };
    Ranks ranks(size, live, kLimits, arity);
    ranks.wait_for(size);
    ranks.signal(victim, signal);
    CHECK(ranks.codes(victim) == std::vector<int>(static_cast<std::size_t>(size - 1), kPeerLost));
    for (int rank = 0; rank < size; ++rank) {
        if (rank == victim) continue;
        CHECK_THAT(ranks.line(rank), contains("rank " + std::to_string(victim) + " on " + tcp::host_name() +
                                              (signal == SIGKILL ? " died" : " is silent")) &&
                                         contains("step 7, bucket 2"));
    }
}

}  // namespace keel::test
