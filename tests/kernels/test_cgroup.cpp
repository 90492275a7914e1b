#include "kernels/cgroup.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::TemporaryFolder;
using keel::test::write_text;

TEST_CASE("The limits of cgroup version 2 are the least on the way to the root", "[cgroup]") {
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

TEST_CASE("The limits of cgroup version 1 stand in its controllers' hierarchies", "[cgroup]") {
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

TEST_CASE("What is left of a group's memory counts the cache's files as free", "[cgroup]") {
    const TemporaryFolder root;
    write_text(root / "proc/self/cgroup", "0::/user/job\n");
    const std::string job = root / "sys/fs/cgroup/user/job";
    write_text(job + "/memory.max", "4000000000\n");
    CHECK_FALSE(read_cgroup_limits(root.path()).memory_left.has_value());
    write_text(job + "/memory.current", "1500000000\n");
    CHECK(read_cgroup_limits(root.path()).memory_left == 2'500'000'000);
    write_text(job + "/memory.stat",
               "anon 900000000\nfile 600000000\ninactive_file 300000000\nactive_file 200000000\n");
    CHECK(read_cgroup_limits(root.path()).memory_left == 3'000'000'000);
    write_text(root / "sys/fs/cgroup/user/memory.max", "2000000000\n");  // of a group that holds more than it may
    write_text(root / "sys/fs/cgroup/user/memory.current", "2500000000\n");
    CHECK(read_cgroup_limits(root.path()).memory_left == 0);

    const TemporaryFolder old;
    write_text(old / "proc/self/cgroup", "12:memory:/job\n");
    write_text(old / "sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000\n");
    write_text(old / "sys/fs/cgroup/memory/job/memory.usage_in_bytes", "700\n");
    write_text(old / "sys/fs/cgroup/memory/job/memory.stat", "inactive_file 10\ntotal_inactive_file 50\n");
    CHECK(read_cgroup_limits(old.path()).memory_left == 350);
}

TEST_CASE("Malformed cgroup files limit nothing", "[cgroup]") {
    const TemporaryFolder root;
    write_text(root / "proc/self/cgroup", "no colon\n0:none\n0::/\n::::/../..\n");
    const std::string text =
        GENERATE(as<std::string>{}, "", "0 100000", "100000", "100000 0", "-1 100000", "x y", "nan nan");
    write_text(root / "sys/fs/cgroup/cpu.max", text);
    write_text(root / "sys/fs/cgroup/memory.max", "-5");
    CHECK_FALSE(read_cgroup_limits(root.path()).cores.has_value());
    CHECK_FALSE(read_cgroup_limits(root.path()).memory_bytes.has_value());
}

TEST_CASE("Hierarchies are found where they are mounted, under whatever name", "[cgroup]") {
    const TemporaryFolder root;
    // Red Hat 7 names the controllers the other way round than the folder; something else mounts version 2 beside.
    write_text(root / "proc/self/cgroup", "4:cpuacct,cpu:/slurm/job\n9:pids:/slurm\n0::/slurm/job\n");
    SECTION("by the kernel's list of mounts") {
        write_text(root / "proc/self/mountinfo",
                   "25 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
                   "30 25 0:26 / /cg/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpuacct,cpu\n"
                   "31 25 0:27 / /cg/pids rw - cgroup cgroup rw,pids\n"
                   "32 25 0:28 / /cg/two rw - cgroup2 cgroup2 rw\nbroken line\n");
        write_text(root / "cg/cpu,cpuacct/slurm/job/cpu.cfs_quota_us", "200000\n");
        write_text(root / "cg/cpu,cpuacct/slurm/job/cpu.cfs_period_us", "100000\n");
        write_text(root / "cg/pids/slurm/pids.max", "64\n");
        write_text(root / "cg/two/slurm/job/memory.max", "1000000\n");
        CHECK(read_cgroup_limits(root.path()).memory_bytes == 1'000'000);
        CHECK(read_cgroup_limits(root.path()).processes == 64);
    }
    SECTION("or by the links to each controller") {
        write_text(root / "sys/fs/cgroup/cpu/slurm/job/cpu.cfs_quota_us", "200000\n");
        write_text(root / "sys/fs/cgroup/cpu/slurm/job/cpu.cfs_period_us", "100000\n");
        write_text(root / "sys/fs/cgroup/pids/slurm/pids.max", "max\n");
        CHECK_FALSE(read_cgroup_limits(root.path()).processes.has_value());
    }
    CHECK(read_cgroup_limits(root.path()).cores == 2.0);
}

TEST_CASE("A group that is mounted in a container's place is its top", "[cgroup]") {
    const TemporaryFolder root;
    write_text(root / "proc/self/cgroup", "4:cpu:/kubepods/pod7/abc\n");
    write_text(root / "proc/self/mountinfo",
               "30 25 0:26 /kubepods/pod7 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
    const std::string top = root / "sys/fs/cgroup/cpu";
    write_text(top + "/cpu.cfs_quota_us", "400000\n");
    write_text(top + "/cpu.cfs_period_us", "100000\n");
    CHECK(read_cgroup_limits(root.path()).cores == 4.0);
    write_text(top + "/abc/cpu.cfs_quota_us", "100000\n");
    write_text(top + "/abc/cpu.cfs_period_us", "100000\n");
    CHECK(read_cgroup_limits(root.path()).cores == 1.0);
}

TEST_CASE("A quota of cores has use for whole cores, by the larger number", "[cgroup]") {
    CHECK(cores_within(8, std::nullopt) == 8);
    CHECK(cores_within(8, 1.0) == 1);
    CHECK(cores_within(8, 0.5) == 1);
    CHECK(cores_within(8, 1.5) == 2);
    CHECK(cores_within(8, 7.01) == 8);
    CHECK(cores_within(8, 1e300) == 8);
    CHECK(cores_within(1, 64.0) == 1);
}
