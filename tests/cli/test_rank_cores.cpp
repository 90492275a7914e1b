// Ranks are threads here, so only what binds none of them is tried; tests/cli/test_ranks.cpp looks at bound ones.
#include "cli/cluster/rank_cores.h"

#include "distributed/thread_communicator.h"
#include "kernels/error.h"
#include "kernels/parallel.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/environment.h"

using namespace keel;
using namespace keel::cli;
using keel::test::contains;
using keel::test::EnvironmentScope;

TEST_CASE("More threads than a node has cores are refused on all of its ranks", "[cores]") {
    const EnvironmentScope mpi("OMPI_MCA_rmaps_base_oversubscribe", nullptr), slurm("SLURM_OVERCOMMIT", nullptr),
        prte("PRTE_MCA_rmaps_base_oversubscribe", nullptr);
    std::string messages[2];
    run_worlds({2, 2, {}}, [&](World& world) {
        try {
            take_cores(world, allowed_cores(), false);  // of each of the two
        } catch (const UsageError& error) {
            messages[world.rank()] = error.what();
        }
    });
    for (const std::string& message : messages) CHECK_THAT(message, contains("[cores] 2 ranks of "));
}
