#include "cli/cluster/time_limit.h"

#include <sys/stat.h>
#include <cstdlib>
#include <ctime>

#include "kernels/error.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/environment.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using namespace keel::cli;
using keel::test::contains;
using keel::test::EnvironmentScope;
using keel::test::TemporaryFolder;

TEST_CASE("Times are written as Slurm writes them", "[time_limit]") {
    CHECK(parse_duration("90") == 90 * 60);
    CHECK(parse_duration("0:02") == 2);
    CHECK(parse_duration("1:30") == 90);
    CHECK(parse_duration("1:30:05") == 5405);
    CHECK(parse_duration("2-12") == 60 * 3600);
    CHECK(parse_duration("1-00:30") == 24 * 3600 + 1800);
    CHECK(parse_duration("1-01:01:01") == 25 * 3600 + 61);
    for (const char* text :
         {"0", "00:00", "", ":", "x", "-1", "1-", "1:2:3:4", "1.5", "1:-2", " 1", "1 ", "1e3", "99999999999999"}) {
        INFO(text);
        CHECK_THROWS_WITH(parse_duration(text), contains("time_limit") && contains(std::string("'") + text + "'"));
    }
}

TEST_CASE("A limit is over when what is needed no longer fits", "[time_limit]") {
    using std::chrono::seconds;
    const auto start = TimeLimit::Clock::now();
    CHECK(!TimeLimit().is_over(1e9));
    const TimeLimit hour(3600, start);  // the margin is 30 s
    CHECK(!hour.is_over(60, start + seconds(3500)));
    CHECK(hour.is_over(60, start + seconds(3520)));
    CHECK(!hour.is_over(0, start + seconds(3565)));
    CHECK(hour.is_over(0, start + seconds(3571)));
    const TimeLimit short_one(100, start);  // 5 s
    CHECK(!short_one.is_over(10, start + seconds(84)));
    CHECK(short_one.is_over(10, start + seconds(86)));
}

TEST_CASE("Slurm is asked what it grants", "[time_limit]") {
    ::unsetenv("SLURM_JOB_ID");
    ::unsetenv("SLURM_JOB_END_TIME");
    CHECK(!time_granted_by_slurm());
    CHECK(!read_time_limit("").exists());
    const EnvironmentScope job("SLURM_JOB_ID", "4711");
    SECTION("by the environment") {
        const std::time_t over = std::time(nullptr) + 1000;
        const EnvironmentScope end("SLURM_JOB_END_TIME", std::to_string(over));
        const auto is_left = [&](double seconds) {  // time() may be behind the other clock by a second and a tick
            CHECK(seconds <= 1001);
            CHECK(seconds >= static_cast<double>(over - std::time(nullptr)) - 2);
        };
        REQUIRE(time_granted_by_slurm());
        is_left(*time_granted_by_slurm());
        is_left(read_time_limit("").seconds());
        CHECK(read_time_limit("2:00").seconds() == 120);
        CHECK(!read_time_limit("none").exists());
    }
    SECTION("by an end that is no time") {
        const EnvironmentScope end("SLURM_JOB_END_TIME", "soon");
        CHECK(!time_granted_by_slurm());
    }
    SECTION("by an end in the past, which is another job's or one that Slurm does not hold this job to") {
        const TemporaryFolder folder;
        const EnvironmentScope path("PATH", folder.path() + ":" + std::getenv("PATH"));
        const EnvironmentScope end("SLURM_JOB_END_TIME", std::to_string(std::time(nullptr) - 3600));
        std::string said;
        const auto answer = [&](const std::string& body) {
            said.clear();
            test::write_text(folder / "squeue", "#!/bin/sh\n" + body + "\n");
            REQUIRE(::chmod((folder / "squeue").c_str(), 0755) == 0);
            return time_granted_by_slurm([&](const std::string& text) { said += text; });
        };
        CHECK(answer("echo 10:00") == std::optional<double>(600));
        CHECK_THAT(said, contains("not this job's end: squeue says that 600 s are left"));
        for (const char* body : {"echo 0:00", "exit 1", "echo UNLIMITED"}) {
            CHECK(!answer(body));
            CHECK_THAT(said, contains("the run knows no time limit"));
        }
    }
    SECTION("by a squeue that does not answer") {
        const TemporaryFolder folder;
        const EnvironmentScope path("PATH", folder.path() + ":" + std::getenv("PATH"));
        const EnvironmentScope none("SLURM_JOB_END_TIME", nullptr);
        test::write_text(folder / "squeue", "#!/bin/sh\ntrap '' TERM INT HUP\necho $$ >" + (folder / "pid") +
                                                "\nwhile :; do sleep 1; done\n");
        REQUIRE(::chmod((folder / "squeue").c_str(), 0755) == 0);
        std::string said;
        CHECK(!time_granted_by_slurm([&](const std::string& text) { said = text; }, std::chrono::milliseconds(300)));
        CHECK_THAT(said, contains("squeue did not answer within"));
    }
    SECTION("by squeue, where Slurm is older") {
        const TemporaryFolder folder;
        const EnvironmentScope path("PATH", folder.path() + ":" + std::getenv("PATH"));
        const auto answer = [&](const std::string& text) {
            test::write_text(folder / "squeue", "#!/bin/sh\n[ \"$*\" = '-h -o %L -j 4711' ] && echo '" + text + "'\n");
            REQUIRE(::chmod((folder / "squeue").c_str(), 0755) == 0);
            return time_granted_by_slurm();
        };
        CHECK(answer("  1-02:03:04") == std::optional<double>(26 * 3600 + 184));
        CHECK(answer("59:58") == std::optional<double>(3598));
        for (const char* text : {"UNLIMITED", "INVALID", "NOT_SET", "", "1;2"}) CHECK(!answer(text));
        const EnvironmentScope strange("SLURM_JOB_ID", "4711;reboot");
        CHECK(!time_granted_by_slurm());
    }
}
