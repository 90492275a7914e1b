#include "runs/growing_file.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <cerrno>
#include <sstream>

#include "kernels/error.h"
#include "runs/log_file.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"
#include "tests/support/temporary_folder.h"

using namespace keel;
using keel::test::contains;
using keel::test::read_text;
using keel::test::TemporaryFolder;
namespace fs = std::filesystem;

TEST_CASE("A file grows line by line below its head", "[growing]") {
    const TemporaryFolder folder;
    GrowingFile file(folder / "deep/down/file");
    file.add("1\n", "head\n");
    file.flush();
    file.add("2\n", "head\n");
    CHECK(file.waits());
    file.flush();
    CHECK_FALSE(file.waits());
    CHECK(read_text(folder / "deep/down/file") == "head\n1\n2\n");
    fs::remove_all(folder / "deep");  // purged under the run
    file.add("3\n", "head\n");
    file.flush();
    CHECK(read_text(folder / "deep/down/file") == "head\n3\n");
}

TEST_CASE("What cannot be written waits, in order, and nothing stands twice", "[growing]") {
    const TemporaryFolder folder;
    GrowingFile file(folder / "x/file");
    test::write_text(folder / "x", "in the way");
    file.add("1\n", "head\n");
    CHECK_THROWS_AS(file.flush(), IoError);
    file.add("2\n", "head\n");
    CHECK_THROWS_AS(file.flush(), IoError);
    fs::remove(folder / "x");
    file.add("3\n", "head\n");
    file.flush();
    CHECK(read_text(folder / "x/file") == "head\n1\n2\n3\n");
}

TEST_CASE("A log keeps its lines over an outage, and says once that there is one", "[growing]") {
    const TemporaryFolder folder;
    std::ostringstream beside;
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(beside);
    sink->set_pattern("%v");
    {
        spdlog::logger log("run", std::make_shared<LogFile>(folder / "x/log.txt", sink));
        log.set_pattern("%v");
        log.flush_on(spdlog::level::info);
        log.info("one");
        fs::remove_all(folder / "x");
        test::write_text(folder / "x", "in the way");
        log.info("two");
        log.info("three");
        fs::remove(folder / "x");
    }  // the last try
    CHECK(read_text(folder / "x/log.txt") == "two\nthree\n");
    CHECK_THAT(beside.str(), contains("its lines wait in memory"));
    CHECK(std::ranges::count(beside.str(), '\n') == 1);
    CHECK_THROWS_AS(LogFile(folder / "x/log.txt/no", sink), IoError);
}
