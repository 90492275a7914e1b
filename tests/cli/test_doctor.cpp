#include <string>

#include "cli/cluster/machine.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel::cli;
using keel::test::TemporaryFolder;
using keel::test::write_text;

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

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("A sound machine gets no warning", "[doctor]") {
    const DoctorReport report = diagnose(sound());
    CHECK(report.warnings.empty());
    CHECK(contains(report.text, "Nothing is wrong."));
    CHECK(report.object["cpu"] == "Xeon");
    CHECK(report.object["threads"] == 8);
    CHECK(report.object["isa_forced"].is_null());
    CHECK(report.object["cgroup_cores"].is_null());
    CHECK(report.object["mpi"] == false);
}

TEST_CASE("Oversubscription is noticed, by cores and by quota", "[doctor]") {
    Machine machine = sound();
    machine.threads = 9;
    CHECK(contains(warning(machine), "9 compute threads share 8 allowed cores"));

    machine = sound();
    machine.cgroup.cores = 3.5;
    CHECK(contains(warning(machine), "set --threads 4"));
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
    CHECK(contains(warning(machine), "srun"));
    machine.slurm_cpus_per_task = "6";
    machine.threads = 2;
    CHECK(contains(warning(machine), "idle"));
}

TEST_CASE("Variables that are no numbers, huge pages off and scarce memory are noticed", "[doctor]") {
    Machine machine = sound();
    machine.omp_num_threads = GENERATE(as<std::string>{}, "four", "0", "-1", "4x");
    CHECK(contains(warning(machine), "OMP_NUM_THREADS"));
    machine = sound();
    machine.huge_pages = "never";
    CHECK(contains(warning(machine), "huge pages"));
    machine = sound();
    machine.cgroup.memory_bytes = 1'000'000'000;
    CHECK(contains(warning(machine), "1.0 GB"));
    machine = sound();
    machine.available_bytes = 500'000'000;
    CHECK(contains(warning(machine), "0.5 GB"));
}

TEST_CASE("A forced ISA is named as such", "[doctor]") {
    Machine machine = sound();
    machine.forced_isa = machine.isa = "scalar";
    CHECK(contains(diagnose(machine).text, "scalar (forced by KEEL_ISA)"));
    CHECK(diagnose(machine).object["isa_forced"] == "scalar");
}

TEST_CASE("The limits of cgroup version 2 are the least on the way to the root", "[doctor]") {
    const TemporaryFolder root;
    CHECK_FALSE(read_cgroup_limits(root.path()).cores.has_value());
    write_text(root / "proc/self/cgroup", "0::/user/job\n");
    write_text(root / "sys/fs/cgroup/user/job/cpu.max", "350000 100000\n");
    write_text(root / "sys/fs/cgroup/user/job/memory.max", "max\n");
    write_text(root / "sys/fs/cgroup/user/cpu.max", "150000 100000\n");
    write_text(root / "sys/fs/cgroup/user/memory.max", "4000000000\n");
    write_text(root / "sys/fs/cgroup/other/cpu.max", "1000 100000\n");
    const CgroupLimits limits = read_cgroup_limits(root.path());
    CHECK(limits.cores == 1.5);
    CHECK(limits.memory_bytes == 4'000'000'000);
}

TEST_CASE("The limits of cgroup version 1 stand in its controllers' hierarchies", "[doctor]") {
    const TemporaryFolder root;
    const std::string cpu = root / "sys/fs/cgroup/cpu,cpuacct", memory = root / "sys/fs/cgroup/memory";
    write_text(root / "proc/self/cgroup",
               "12:memory:/slurm/job_7\n4:cpu,cpuacct:/slurm/job_7\n1:name=systemd:/init.scope\n0::/\n");
    write_text(cpu + "/cpu.cfs_quota_us", "-1\n");
    write_text(cpu + "/cpu.cfs_period_us", "100000\n");
    write_text(memory + "/memory.limit_in_bytes", "9223372036854771712\n");
    CHECK_FALSE(read_cgroup_limits(root.path()).cores.has_value());
    CHECK_FALSE(read_cgroup_limits(root.path()).memory_bytes.has_value());

    write_text(cpu + "/slurm/job_7/cpu.cfs_quota_us", "250000\n");
    write_text(cpu + "/slurm/job_7/cpu.cfs_period_us", "100000\n");
    write_text(memory + "/slurm/memory.limit_in_bytes", "8589934592\n");
    CHECK(read_cgroup_limits(root.path()).cores == 2.5);
    CHECK(read_cgroup_limits(root.path()).memory_bytes == 8589934592);

    // A container that is shown its own group as the root.
    write_text(root / "proc/self/cgroup", "4:cpu,cpuacct:/docker/0123\n");
    write_text(cpu + "/cpu.cfs_quota_us", "50000\n");
    CHECK(read_cgroup_limits(root.path()).cores == 0.5);
}

TEST_CASE("Malformed cgroup files limit nothing", "[doctor]") {
    const TemporaryFolder root;
    write_text(root / "proc/self/cgroup", "no colon\n0:none\n0::/\n::::/../..\n");
    const std::string text =
        GENERATE(as<std::string>{}, "", "0 100000", "100000", "100000 0", "-1 100000", "x y", "nan nan");
    write_text(root / "sys/fs/cgroup/cpu.max", text);
    write_text(root / "sys/fs/cgroup/memory.max", "-5");
    CHECK_FALSE(read_cgroup_limits(root.path()).cores.has_value());
    CHECK_FALSE(read_cgroup_limits(root.path()).memory_bytes.has_value());
}

TEST_CASE("The huge pages' state", "[doctor]") {
    CHECK(chosen_word("always [madvise] never\n") == "madvise");
    for (const char* text : {"", "always", "]never[", "[never"}) CHECK(chosen_word(text).empty());
}

TEST_CASE("The machine of this process can be read", "[doctor]") {
    const Machine machine = read_machine();
    CHECK_FALSE(machine.isa.empty());
    CHECK(machine.allowed_cores >= 1);
    CHECK(machine.online_cpus >= 1);
    CHECK(machine.allowed_cpus >= machine.allowed_cores);
    CHECK(machine.threads >= 1);
    CHECK(machine.memory_bytes > 0);
    CHECK(diagnose(machine).object["isa"] == machine.isa);
    CHECK(static_cast<int>(machine.cpus.size()) == machine.allowed_cpus);
}
