#include "distributed/planning/mpirun_words.h"

namespace keel {
namespace {

using Words = std::vector<std::string>;

void add(Words& words, const Words& more) { words.insert(words.end(), more.begin(), more.end()); }

/// By it a rank knows that it was asked for where the make says it nowhere, see take_cores().
constexpr const char* kCrowded = "KEEL_OVERSUBSCRIBE";

/// Hydra, which lets ranks outnumber cores.
Words hydra_words(const MpirunRequest& request) {
    Words words{"-np", std::to_string(request.ranks)};
    if (request.hostfile) add(words, {"-f", "hosts"});
    if (!request.hosts.empty()) add(words, {"-hosts", request.hosts});
    if (request.per_node > 0) add(words, {"-ppn", std::to_string(request.per_node)});
    add(words, {"-bind-to", "none"});
    if (request.crowded) add(words, {"-genv", kCrowded, "1"});
    return words;
}

}  // namespace

MpiMake mpi_make(std::string_view library) {
    if (library.starts_with("MPICH") || library.starts_with("Intel(R) MPI")) return MpiMake::mpich;
    const std::string_view open_mpi = "Open MPI ";
    if (!library.starts_with(open_mpi) || library.size() <= open_mpi.size()) return MpiMake::open_mpi_4;
    return library[open_mpi.size()] >= '5' ? MpiMake::open_mpi_5 : MpiMake::open_mpi_4;
}

Words mpirun_words(MpiMake make, const MpirunRequest& request) {
    if (make == MpiMake::mpich) return hydra_words(request);
    const bool five = make == MpiMake::open_mpi_5;
    Words words{"-np", std::to_string(request.ranks)};
    if (request.hostfile) add(words, {"--hostfile", "hosts"});
    // In Open MPI 5 how ranks are dealt and whether they may outnumber cores are one option, which must not come twice.
    add(words, {"--map-by", (request.per_node > 0 ? "ppr:" + std::to_string(request.per_node) + ":node" : "slot") +
                                (five && request.crowded ? ":OVERSUBSCRIBE" : "")});
    add(words, {"--bind-to", "none"});
    if (!request.hosts.empty()) add(words, {"--host", request.hosts});
    if (request.crowded && !five) add(words, {"--oversubscribe"});
    if (request.crowded) add(words, {"--mca", "mpi_yield_when_idle", "1"});
    if (request.crowded && five) add(words, {"-x", kCrowded + std::string("=1")});
    return words;
}

}  // namespace keel
