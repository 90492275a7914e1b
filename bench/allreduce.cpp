// Keel's sums over ranks beside MPI_Allreduce, in turn within one run: mpirun -n 2 allreduce
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

#include "distributed/collectives/allreduce.h"
#include "distributed/collectives/self_test.h"
#include "distributed/gather.h"
#include "distributed/mpi/mpi_communicator.h"
#include "engine/quantile.h"

using namespace keel;

namespace {

/// The slowest rank's seconds of one call.
double seconds_of(Communicator& communicator, const std::function<void()>& call) {
    barrier(communicator);
    const auto start = std::chrono::steady_clock::now();
    call();
    return std::ranges::max(
        gather(communicator, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Keel's allreduce beside MPI_Allreduce, in MB of 10^6 bytes; the median of the slowest rank's times");
    std::vector<double> sizes{0.001, 0.01, 0.1, 1, 10, 28, 94, 256};
    int rounds = 11;
    app.add_option("--mb", sizes, "sizes")->capture_default_str();
    app.add_option("--rounds", rounds, "rounds of each size, all algorithms in turn")->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    const auto communicator = mpi_communicator();
    const double largest = *std::ranges::max_element(sizes) * 1e6;
    const auto memory = communicator->share(static_cast<std::size_t>(largest) + 64);
    float* const own = memory->part<float>(memory->rank());
    std::fill_n(own, static_cast<std::size_t>(largest / 4), 0.0F);
    const CostModel model = measure_costs(*communicator);
    const bool print = communicator->rank() == 0;
    if (print) {
        std::printf(
            "%d ranks on %d nodes; alpha %.1f us, beta %.3f ns/KB, gamma %.3f, node alpha %.1f us, node gamma %.3f\n",
            communicator->size(), communicator->topology().nodes(), model.alpha * 1e6, model.beta * 1e12,
            model.gamma * 1e12, model.node_alpha * 1e6, model.node_gamma * 1e12);
        std::printf("%9s %12s %12s %18s %16s %22s %10s\n", "MB", "MPI us", "ring us", "halving-doubl. us",
                    "hierarchical us", "chosen", "ratio");
    }
    for (const double mb : sizes) {
        const auto count = static_cast<std::int64_t>(mb * 1e6 / 4);
        const std::span<float> data(own, static_cast<std::size_t>(count));
        std::vector<float> from(static_cast<std::size_t>(count)), to(from.size());
        Allreduce allreduce(*communicator);
        std::vector<double> times[4];
        for (int round = 0; round <= rounds; ++round) {
            const double seconds[] = {
                seconds_of(*communicator,
                           [&] {
                               MPI_Allreduce(from.data(), to.data(), static_cast<int>(count), MPI_FLOAT, MPI_SUM,
                                             MPI_COMM_WORLD);
                           }),
                seconds_of(*communicator, [&] { allreduce.sum(Algorithm::ring, data); }),
                seconds_of(*communicator, [&] { allreduce.sum(Algorithm::halving_doubling, data); }),
                seconds_of(*communicator, [&] {
                    allreduce.sum_shared(*memory, {0, count});
                })};
            for (int k = 0; k < 4; ++k)
                if (round > 0) times[k].push_back(seconds[k]);
        }
        const Algorithm chosen = fastest_algorithm(model, cluster_of(communicator->topology()), 4 * count, true);
        if (!print) continue;
        const double mpi = median(times[0]), ours = median(times[1 + static_cast<int>(chosen)]);
        std::printf("%9.4f %12.2f %12.2f %18.2f %16.2f %22s %10.2f\n", mb, 1e6 * mpi, 1e6 * median(times[1]),
                    1e6 * median(times[2]), 1e6 * median(times[3]), std::string(name(chosen)).c_str(), ours / mpi);
        std::fflush(stdout);
    }
    return 0;
}
