#include "cli/cluster/core_map.h"

#include "engine/json.h"
#include "tests/support/catch.h"
#include "tests/support/contains.h"

using namespace keel;
using namespace keel::cli;
using keel::test::contains;

namespace {

CorePlan two_ranks() {
    CorePlan plan;
    plan.ranks = {{{0}, {0, 1}, {2}, {2, 3}}, {{1}, {4, 5}, {6}, {6, 7}}};
    plan.threads = 2;
    plan.cores = 8;
    plan.idle_cores = 2;
    plan.own_core = true;
    plan.notes = {"Two cores are idle."};
    return plan;
}

}  // namespace

TEST_CASE("A plan of cores as an object has a rank's processors each", "[cores]") {
    const Json json = core_map_object(two_ranks(), 3);
    CHECK(json.at("ranks_per_node") == 2);
    CHECK(json.at("threads_per_rank") == 2);
    CHECK(json.at("idle_cores") == 2);
    CHECK(json.at("own_core") == true);
    CHECK(json.at("oversubscribed") == false);
    CHECK(json_text(json.at("ranks")[1]) == R"({"sockets":[1],"compute":[4,5],"communication":[6],"loaders":[6,7]})");
    CHECK(json.at("notes").size() == 1);
    CHECK(json.at("mpirun") == mpirun_line(two_ranks(), 3, "keel train ..."));
    CHECK(json.at("srun") == srun_line(two_ranks(), 3, "keel train ..."));
}

TEST_CASE("A plan of cores for people is a row a rank, and the lines that start them", "[cores]") {
    const std::string text = core_map_text(two_ranks(), 3);
    CHECK(text.starts_with("Training by 2 ranks a node, 2 threads each and one core free of them:\n\n"));
    CHECK_THAT(text, contains("rank  sockets  compute  communication  decoding\n"));
    CHECK_THAT(text, contains("\n1           1      4-5              6       6-7\n"));
    CHECK_THAT(text, contains("\nNote: Two cores are idle.\n"));
    CHECK_THAT(text, contains(mpirun_line(two_ranks(), 3, "keel train ...") + "\n"));
    CorePlan one;
    one.ranks = {{{0}, {0}, {0}, {0}}};
    one.threads = 1;
    CHECK(core_map_text(one, 1).starts_with("Training by 1 rank a node, 1 thread each:\n"));
}

TEST_CASE("A machine's processors and quota are what is divided", "[cores]") {
    Machine machine;
    machine.cpus.resize(3);
    CHECK(cores_of(machine).cpus.size() == 3);
    CHECK(cores_of(machine).quota == 0);
    machine.cgroup.cores = 1.5;
    CHECK(cores_of(machine).quota == 1.5);
}
