#include "cli/cluster/cpu_claims.h"

#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using keel::cli::busy_cpus;
using keel::cli::CpuClaims;
using keel::test::TemporaryFolder;
using Cpus = std::set<int>;

TEST_CASE("Processors that one run claims are taken for the others until it ends", "[claims]") {
    const TemporaryFolder sysfs;
    for (int cpu = 0; cpu < 4; ++cpu) std::filesystem::create_directories(sysfs / ("cpu/cpu" + std::to_string(cpu)));
    CpuClaims second(sysfs.path());
    {
        CpuClaims first(sysfs.path());
        CHECK(first.taken({0, 1, 2, 3}).empty());
        REQUIRE(first.claim({1, 2, 1}));
        CHECK(second.taken({0, 1, 2, 3}) == Cpus{1, 2});
        CHECK(second.taken({0, 1}) == Cpus{1});
        CHECK_FALSE(second.claim({0, 1}));
        CHECK(first.taken({0}).empty());  // nothing of it is left
        CHECK(second.claim({0, 3}));
        CHECK(first.taken({0, 1, 2, 3}) == Cpus{0, 1, 2, 3});
        second.release();
    }
    CHECK(second.taken({0, 1, 2, 3}).empty());
    CHECK(second.claim({0, 1, 2, 3}));
    CHECK(second.claim({9}));  // a processor without a folder is nobody's
}

TEST_CASE("Processors that others keep busy are told from idle ones", "[claims]") {
    const std::string before =
        "cpu  400 0 0 0 0 0 0 0 0 0\ncpu0 100 0 0 100 0 0 0 0 0 0\ncpu1 100 0 0 100 0 0 0 0 0 0\n"
        "cpu2 100 0 0 100 0 0 0 0 0 0\ncpu10 7 7 7 7 7 7 7 7 0 0\nintr 5\n";
    const std::string after =
        "cpu  900 0 0 0 0 0 0 0 0 0\ncpu0 110 0 0 100 0 0 0 0 0 0\ncpu1 101 0 0 105 4 0 0 0 0 0\n"
        "cpu2 100 3 1 104 0 0 0 2 0 0\ncpu10 7 7 7 7 7 7 7 7 0 0\nintr 6\n";
    CHECK(busy_cpus(before, after) == Cpus{0, 2});
    CHECK(busy_cpus(before, before).empty());
    CHECK(busy_cpus("", "").empty());
    CHECK(busy_cpus("", "cpux 1 2\ncpu99999999999999999999 1\ncpu\n").empty());
}
