#include "engine/machine_memory.h"

#include <string>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::TemporaryFolder;
using keel::test::write_text;

TEST_CASE("The memory that a process may have is the machine's or its control group's", "[memory]") {
    const TemporaryFolder root;
    CHECK_FALSE(read_machine_memory(root.path()).known());
    write_text(root / "proc/meminfo", "MemTotal:       24000000 kB\nMemFree: 1 kB\nMemAvailable:   20000000 kB\n");
    MachineMemory memory = read_machine_memory(root.path());
    CHECK(memory.total == 24'000'000LL * 1024);
    CHECK(memory.available == 20'000'000LL * 1024);
    CHECK_FALSE(memory.of_group);

    write_text(root / "proc/self/cgroup", "0::/job\n");
    write_text(root / "sys/fs/cgroup/job/memory.max", "8000000000\n");
    memory = read_machine_memory(root.path());
    CHECK(memory.total == 8'000'000'000);
    CHECK(memory.available == 8'000'000'000);
    write_text(root / "sys/fs/cgroup/job/memory.current", "3000000000\n");
    memory = read_machine_memory(root.path());
    CHECK(memory.available == 5'000'000'000);
    CHECK(memory.of_group);

    write_text(root / "proc/meminfo", "MemTotal: 24000000 kB\nMemAvailable: 1000000 kB\n");  // others hold it
    memory = read_machine_memory(root.path());
    CHECK(memory.available == 1'024'000'000);
    CHECK_FALSE(memory.of_group);
}

TEST_CASE("Lines of meminfo that are no numbers say nothing", "[memory]") {
    const TemporaryFolder root;
    const std::string value = GENERATE("", "x", "-5 kB", "99999999999999999999 kB", "9223372036854775807 kB");
    write_text(root / "proc/meminfo", "MemTotal: " + value + "\n");
    CHECK_FALSE(read_machine_memory(root.path()).known());
}

TEST_CASE("This process holds memory, and at most as much as it held at its peak", "[memory]") {
    const OwnMemory own = read_own_memory();
    CHECK(own.now > 1'000'000);
    CHECK(own.peak >= own.now);
}

TEST_CASE("Memory reads in units of a thousand", "[memory]") {
    CHECK(memory_text(0) == "0 MB");
    CHECK(memory_text(230'400'000) == "230 MB");
    CHECK(memory_text(999'400'000) == "999 MB");
    CHECK(memory_text(999'600'000) == "1.0 GB");
    CHECK(memory_text(21'340'000'000) == "21.3 GB");
    CHECK(memory_text(123'400'000'000) == "123 GB");
}
