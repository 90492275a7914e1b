#include "distributed/mpi/launcher.h"

#include <map>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using keel::test::contains;

namespace {

LauncherWord word_in(const std::map<std::string, std::string>& variables) {
    return launcher_word([&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
    });
}

}  // namespace

TEST_CASE("each make of launcher says by a variable of its own how many ranks it started", "[launcher]") {
    CHECK(word_in({}).variable.empty());
    CHECK(word_in({}).ranks == 1);
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "JSM_NAMESPACE_SIZE"}) {
        INFO(variable);
        CHECK(word_in({{variable, "4"}}).ranks == 4);
        CHECK(word_in({{variable, "4"}}).variable == variable);
        CHECK(word_in({{variable, "4"}}).mpi);
        CHECK_FALSE(word_in({{variable, "1"}}).mpi);
        for (const char* no_number : {"", "0", "-3", "4x", "x", "99999999999"})
            CHECK(word_in({{variable, no_number}}).variable.empty());
    }
}

TEST_CASE("of Slurm's tasks those are ranks that are connected, and whom another launcher started asks that one",
          "[launcher]") {
    CHECK_FALSE(word_in({{"SLURM_STEP_NUM_TASKS", "2"}}).mpi);
    CHECK(word_in({{"SLURM_STEP_NUM_TASKS", "2"}}).ranks == 2);
    CHECK(word_in({{"SLURM_STEP_NUM_TASKS", "2"}, {"PMIX_RANK", "0"}}).mpi);
    CHECK(word_in({{"SLURM_STEP_NUM_TASKS", "2"}, {"PMI_SIZE", "2"}}).mpi);  // --mpi=pmi2
    // mpirun in a job: srun started a daemon on each of two nodes.
    const LauncherWord mpirun = word_in({{"SLURM_STEP_NUM_TASKS", "2"}, {"OMPI_COMM_WORLD_SIZE", "8"}});
    CHECK(mpirun.ranks == 8);
    CHECK(mpirun.mpi);
    // A batch script is no step, whatever the job's tasks.
    CHECK(word_in({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "64"}}).variable.empty());
}

TEST_CASE("ranks that MPI does not find are an error with what to do", "[launcher]") {
    CHECK_NOTHROW(require_launched({}, 1, ""));
    CHECK_NOTHROW(require_launched({4, "PMI_SIZE", true}, 4, "MPICH 4.0.2"));
    CHECK_THROWS_WITH(require_launched({2, "SLURM_STEP_NUM_TASKS", false}, 1, ""),
                      contains("srun (SLURM_STEP_NUM_TASKS) says 2 ranks") && contains("srun --mpi=pmix") &&
                          contains("env -u SLURM_STEP_NUM_TASKS"));
    CHECK_THROWS_WITH(require_launched({2, "OMPI_COMM_WORLD_SIZE", true}, 1, "Open MPI 4.1.4"),
                      contains("(OMPI_COMM_WORLD_SIZE) says 2 ranks, but MPI finds 1") && contains("Open MPI 4.1.4"));
    CHECK_THROWS_AS(require_launched({4, "PMI_SIZE", true}, 2, ""), UsageError);
}
