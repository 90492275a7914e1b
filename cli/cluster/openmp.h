// What the user says in OpenMP's own words, which the compute pool heeds (kernels/team.h).
#pragma once

namespace keel::cli {

/// The variables that say how threads wait or where they run.
inline constexpr const char* kOpenMpVariables[] = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND", "OMP_PLACES",
                                                   "GOMP_CPU_AFFINITY"};

}  // namespace keel::cli
