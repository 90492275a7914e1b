// The machine as Keel sees it, and what is wrong with it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/json.h"
#include "kernels/cgroup.h"
#include "kernels/topology.h"

namespace keel::cli {

/// What was read; nothing is judged here. An environment variable that is not set is empty.
struct Machine {
    std::string cpu;
    std::vector<std::string> features;  ///< of those that Keel has kernels for
    std::string isa, forced_isa;        ///< the one in use; KEEL_ISA
    std::vector<std::string> unused;    ///< features that are there, but not part of the ISA in use
    struct OtherIsa {
        std::string name, why_not;  ///< a sentence without its full stop
    };
    struct Kernels {
        std::string kind, isa, best, why_not;  ///< e.g. "bf16 convolutions"; why they do not run on the best: as above
    };
    std::vector<Kernels> kernels;
    std::vector<OtherIsa> other_isas;       ///< those that the one in use does not include
    std::vector<std::string> hidden;        ///< sentences of what a hypervisor or the operating system withholds
    int online_cpus = 0, allowed_cpus = 0;  ///< hyper-threads counted
    std::vector<Cpu> cpus;                  ///< the allowed ones
    bool interleaves = true;                ///< the system lets pages lie on several nodes in turn
    int allowed_cores = 0, threads = 0;
    std::string slurm_cpus_per_task, omp_num_threads;
    std::vector<std::string> openmp;  ///< "NAME=value" of those of kOpenMpVariables that are set
    CgroupLimits cgroup;
    std::string convolution_library;
    std::string huge_pages;  ///< "always", "madvise" or "never"; empty: not known
    std::int64_t memory_bytes = 0, available_bytes = 0;
    bool mpi = false;
};

struct DoctorReport {
    Json object;                        ///< for --json; holds the warnings, too
    std::vector<std::string> warnings;  ///< one sentence each
    std::string text;                   ///< for people
};

/// A pure function of `machine`. Warns of instructions that are hidden from the process, more threads than cores or
/// quota, fewer than the batch system gave, memory that cannot be spread over nodes, unusable huge pages, memory that
/// is almost used up, and variables that are no numbers.
DoctorReport diagnose(const Machine& machine);

/// Reads the machine that this process runs on; `threads` are those of the compute pool. What cannot be read stays as
/// above.
Machine read_machine();

/// The chosen word of "always [madvise] never"; empty where there is none.
std::string chosen_word(const std::string& text);

}  // namespace keel::cli
