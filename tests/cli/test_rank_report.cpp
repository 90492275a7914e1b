#include "cli/cluster/rank_report.h"

#include "distributed/mpi/mpi_communicator.h"
#include "distributed/thread_communicator.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::cli;
using keel::test::contains;

TEST_CASE("Ranks report what they measured, and which algorithm it makes the fastest", "[ranks]") {
    RankReport reports[2];
    run_worlds({2, 1, {}}, [&](World& world) { reports[world.rank()] = report_ranks(world); });
    CHECK(reports[0].text == reports[1].text);
    const Json& report = reports[0].object;
    CHECK(report.at("library") == mpi_library());
    CHECK(report.at("ranks") == 2);
    CHECK(report.at("nodes") == 2);
    CHECK(report.at("alpha_us").get<double>() > 0);
    for (const char* model : {"densenet121", "resnet50"}) {
        const Json& times = report.at("predicted_ms").at(model);
        const std::string chosen = report.at("chosen").at(model);
        REQUIRE(times.at(chosen).is_number());
        for (const auto& [algorithm, time] : times.items())
            if (time.is_number()) CHECK(times.at(chosen).get<double>() <= time.get<double>());
        CHECK_THAT(reports[0].text, contains(std::string(model) + ", "));
    }
}
