#include "cli/cluster/machine.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel::cli;
using keel::test::holds;

namespace {

/// A machine that nothing is wrong with.
Machine sound() {
    Machine machine;
    machine.cpu = "Xeon";
    machine.features = {"fma", "avx2"};
    machine.isa = "avx2";
    machine.online_cpus = 32;
    machine.allowed_cpus = 16;
    machine.allowed_cores = machine.threads = 8;
    machine.convolution_library = "2.6.3 (OpenMP)";
    machine.huge_pages = "madvise";
    machine.memory_bytes = 24'000'000'000;
    machine.available_bytes = 20'000'000'000;
    return machine;
}

/// The only warning about `machine`.
std::string warning(const Machine& machine) {
    const DoctorReport report = diagnose(machine);
    REQUIRE(report.warnings.size() == 1);
    CHECK(report.object["warnings"].size() == 1);
    CHECK(report.text.find("Warning: " + report.warnings[0]) != std::string::npos);
    return report.warnings[0];
}

}  // namespace

TEST_CASE("A sound machine gets no warning", "[doctor]") {
    const DoctorReport report = diagnose(sound());
    CHECK(report.warnings.empty());
    CHECK(holds(report.text, "Nothing is wrong."));
    CHECK(report.object["cpu"] == "Xeon");
    CHECK(report.object["threads"] == 8);
    CHECK(report.object["isa_forced"].is_null());
    CHECK(report.object["cgroup_cores"].is_null());
    CHECK(report.object["mpi"] == false);
}

TEST_CASE("Oversubscription is noticed, by cores and by quota", "[doctor]") {
    Machine machine = sound();
    machine.threads = 9;
    CHECK(holds(warning(machine), "9 compute threads share 8 allowed cores"));

    machine = sound();
    machine.cgroup.cores = 3.5;
    CHECK(holds(warning(machine), "set --threads 4"));
    machine.threads = 4;
    CHECK(diagnose(machine).warnings.empty());
    machine.threads = 5;
    CHECK(diagnose(machine).warnings.size() == 1);
    machine.cgroup.cores = 0.5;
    machine.threads = 1;
    CHECK(diagnose(machine).warnings.empty());
}

TEST_CASE("The batch system's cores are compared with what the process has", "[doctor]") {
    Machine machine = sound();
    machine.slurm_cpus_per_task = "8";
    CHECK(diagnose(machine).warnings.empty());
    machine.slurm_cpus_per_task = "16";  // hyper-threads, as Slurm counts
    CHECK(diagnose(machine).warnings.empty());
    machine.slurm_cpus_per_task = "17";
    CHECK(holds(warning(machine), "srun"));
    machine.slurm_cpus_per_task = "6";
    machine.threads = 2;
    CHECK(holds(warning(machine), "idle"));
}

TEST_CASE("Variables that are no numbers, huge pages off and scarce memory are noticed", "[doctor]") {
    Machine machine = sound();
    machine.omp_num_threads = GENERATE(as<std::string>{}, "four", "0", "-1", "4x");
    CHECK(holds(warning(machine), "OMP_NUM_THREADS"));
    machine = sound();
    machine.huge_pages = "never";
    CHECK(holds(warning(machine), "huge pages"));
    machine = sound();
    machine.cgroup.memory_bytes = 1'000'000'000;
    CHECK(holds(warning(machine), "1.0 GB"));
    machine = sound();
    machine.available_bytes = 500'000'000;
    CHECK(holds(warning(machine), "0.5 GB"));
}

TEST_CASE("Memory nodes are those of the compute threads", "[doctor]") {
    Machine machine = sound();
    machine.interleaves = false;
    for (int id = 0; id < 8; ++id) machine.cpus.push_back({.id = id, .core = id, .node = id / 4});
    machine.threads = 4;
    CHECK(diagnose(machine).warnings.empty());
    CHECK(holds(diagnose(machine).text, "Memory nodes         1 for all compute threads\n"));
    CHECK(diagnose(machine).object["memory_nodes"].size() == 1);
    machine.threads = 8;
    CHECK(holds(warning(machine), "CAP_SYS_NICE"));
    machine.interleaves = true;
    CHECK(holds(diagnose(machine).text, "2 for the compute threads (0, 1): weights of inference are on each, other"));
    CHECK(diagnose(machine).warnings.empty());
    CHECK(diagnose(machine).object["memory_nodes"][1] == 1);
}

TEST_CASE("A forced ISA is named as such", "[doctor]") {
    Machine machine = sound();
    machine.forced_isa = machine.isa = "scalar";
    CHECK(holds(diagnose(machine).text, "scalar (forced by KEEL_ISA)"));
    CHECK(diagnose(machine).object["isa_forced"] == "scalar");
}

TEST_CASE("Unused and hidden features are shown with the reason", "[doctor]") {
    Machine machine = sound();
    machine.unused = {"avx512_bf16"};
    machine.other_isas = {{"amx", "the processor lacks amx_tile"}};
    CHECK(diagnose(machine).warnings.empty());
    CHECK(holds(diagnose(machine).text, "Features not used    avx512_bf16\n"));
    CHECK(holds(diagnose(machine).text, "Not amx              the processor lacks amx_tile\n"));
    CHECK(diagnose(machine).object["isas_unused"][0] == "amx: the processor lacks amx_tile");
    CHECK(diagnose(machine).object["features_unused"][0] == "avx512_bf16");
    machine.kernels = {{"bf16 convolutions", "avx512_bf16", "amx", "the processor lacks amx_tile"},
                       {"f32 maps", "avx512", "avx512", ""}};
    CHECK(holds(diagnose(machine).text, "bf16 convolutions    avx512_bf16, not amx: the processor lacks amx_tile\n"));
    CHECK(holds(diagnose(machine).text, "f32 maps             avx512\n"));
    CHECK(diagnose(machine).object["kernels"]["bf16 convolutions"]["why_not"] == "the processor lacks amx_tile");
    CHECK(diagnose(machine).object["kernels"]["f32 maps"]["why_not"].is_null());
    machine.hidden = {"CPUID names amx_tile, but XCR0 (0xe7) does not have their registers saved"};
    CHECK(holds(warning(machine), "XCR0 (0xe7)"));
}

TEST_CASE("The huge pages' state", "[doctor]") {
    CHECK(chosen_word("always [madvise] never\n") == "madvise");
    for (const char* text : {"", "always", "]never[", "[never"}) CHECK(chosen_word(text).empty());
}

TEST_CASE("The machine of this process can be read", "[doctor]") {
    const Machine machine = read_machine();
    CHECK_FALSE(machine.isa.empty());
    for (const Machine::OtherIsa& other : machine.other_isas) CHECK_FALSE(other.why_not.empty());
    for (const Machine::Kernels& of : machine.kernels) CHECK((of.isa == of.best) == of.why_not.empty());
    CHECK(machine.kernels.size() == 5);
    CHECK(machine.allowed_cores >= 1);
    CHECK(machine.online_cpus >= 1);
    CHECK(machine.allowed_cpus >= machine.allowed_cores);
    CHECK(machine.threads >= 1);
    CHECK(machine.memory_bytes > 0);
    CHECK(diagnose(machine).object["isa"] == machine.isa);
    CHECK(static_cast<int>(machine.cpus.size()) == machine.allowed_cpus);
}
