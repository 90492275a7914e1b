// How the threads of the compute pool wait for each other, chosen for the user. libgomp takes it from the environment
// when it is loaded, which is before main(), and offers no call for it: so the program starts itself once more with the
// variables set.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace keel::cli {

/// The variables of OpenMP's runtime that say how threads wait or where they run; a user who sets one of them has
/// chosen.
inline constexpr const char* kOpenMpVariables[] = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND", "OMP_PLACES",
                                                   "GOMP_CPU_AFFINITY"};

/// Starts the program again with `GOMP_SPINCOUNT` set (docs/performance.md, "Threads") where the environment holds none
/// of kOpenMpVariables. Returns where it does, which is the case the second time, or where the system refuses: then the
/// runtime's own defaults hold.
void settle_openmp(char** argv);

}  // namespace keel::cli
