#include "distributed/mpi/launched.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <thread>

#include "distributed/mpi/launcher.h"
#include "distributed/mpi/mpi_communicator.h"

namespace keel {
namespace {

LauncherWord word_of_launcher() {
    return launcher_word([](const char* name) -> const char* { return std::getenv(name); });
}

constexpr std::chrono::seconds kEndLimit(10);
constexpr std::chrono::milliseconds kReading(100);

/// The descriptor on which Hydra takes commands; null where it has not started this process.
const char* hydra() { return std::getenv("PMI_FD"); }

/// Ends all ranks, of an MPI that does not end by itself: MPI_Abort() has no communicator any more, so this says what
/// it would to Hydra (MPICH, Intel MPI), which takes a process that just ends for a lost one.
[[noreturn]] void end_by_force(const World& world, int code) {
    std::fprintf(
        stderr,
        "keel: [mpi] %s did not end within %d s (MPI_Finalize); all ranks' work is done, so rank %d ends them\n",
        mpi_name(mpi_library()).c_str(), static_cast<int>(kEndLimit.count()), world.rank());
    std::cout.flush();
    std::fflush(nullptr);
    let_launcher_read();
    if (hydra() != nullptr) ::dprintf(std::atoi(hydra()), "cmd=abort exitcode=%d\n", code);
    ::_exit(code);
}

}  // namespace

int launched_ranks() { return word_of_launcher().ranks; }

int with_launched_ranks(const std::function<int(World&)>& body) {
    const LauncherWord word = word_of_launcher();
    if (!word.mpi) require_launched(word, 1, mpi_library());
    auto world = std::make_unique<World>(
        [&] { return std::shared_ptr<Communicator>(word.mpi ? mpi_communicator() : self_communicator()); });
    try {
        require_launched(word, world->size(), mpi_library());
        const int code = body(*world);
        if (world->is_single()) return code;
        // Some makes of MPI do not always end (UCX over TCP). Here all ranks are through, so that none is ended at
        // work.
        const int worst = world->reduce(code, [](int a, int b) { return std::max(a, b); });
        if (!world->end_within(kEndLimit)) end_by_force(*world, worst);
        return code;
    } catch (...) {
        if (!world->is_single()) static_cast<void>(world.release());
        throw;
    }
}

void let_launcher_read() {
    if (hydra() != nullptr) std::this_thread::sleep_for(kReading);
}

std::string mpi_name(std::string_view version) {
    const auto word_end = [](char c) { return c == ',' || c == '\n' || c == '\0'; };
    std::string_view line =
        version.substr(0, static_cast<std::size_t>(std::ranges::find_if(version, word_end) - version.begin()));
    for (const std::string_view make : {std::string_view("Open MPI"), std::string_view("MPICH")}) {
        if (!line.starts_with(make)) continue;
        const std::size_t digit = line.find_first_of("0123456789");
        if (digit == std::string_view::npos) return std::string(make);
        line.remove_prefix(digit);
        return std::string(make) + " " + std::string(line.substr(0, line.find_first_of(" \t")));
    }
    return std::string(line.substr(0, 80));
}

}  // namespace keel
