#include "distributed/mpi/launcher.h"

#include <fmt/core.h>

#include <charconv>
#include <string_view>

#include "kernels/error.h"

namespace keel {
namespace {

constexpr const char* kSlurm = "SLURM_STEP_NUM_TASKS";

/// A whole number above 0; 0 for anything else.
int count_of(const char* text) {
    if (text == nullptr) return 0;
    const std::string_view all = text;
    int value = 0;
    const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), value);
    return error == std::errc() && end == all.data() + all.size() && value > 0 ? value : 0;
}

}  // namespace

LauncherWord launcher_word(const Environment& environment) {
    for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "JSM_NAMESPACE_SIZE"})
        if (const int ranks = count_of(environment(variable)); ranks > 0) return {ranks, variable, ranks > 1};
    if (const int ranks = count_of(environment(kSlurm)); ranks > 0)
        return {ranks, kSlurm, ranks > 1 && environment("PMIX_RANK") != nullptr};
    return {};
}

void require_launched(const LauncherWord& word, int ranks, const std::string& library) {
    if (word.variable.empty() || word.ranks == ranks) return;
    const std::string apart = fmt::format("if each is meant to work alone: env -u {} keel ...", word.variable);
    if (word.variable == kSlurm && !word.mpi)
        throw UsageError(
            fmt::format("[ranks] srun ({}) says {} ranks, which cannot find each other: start them with srun "
                        "--mpi=pmix (srun --mpi=list names what it has); {}",
                        word.variable, word.ranks, apart));
    throw UsageError(
        fmt::format("[ranks] the launcher ({}) says {} ranks, but MPI finds {}: start them with the mpirun of "
                    "the MPI that Keel runs with ({}), or with srun --mpi=pmix; {}",
                    word.variable, word.ranks, ranks, library.empty() ? "none is built in" : library, apart));
}

}  // namespace keel
